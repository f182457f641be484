"""`edge-ser evaluate --on NAME`: the options of a device, and its predictor.

Only the command line knows both the evaluation and `device_tests`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.cli.number import positive_int

if TYPE_CHECKING:
    from device_tests.session import Settings
    from edge_ser.evaluation.predictors import Predictor

_DEPENDENT = ("board", "baud", "identity", "known_hosts", "cache", "mirror")
_DEFAULT_BOARD, _DEFAULT_BAUD = "cortex-m4", 115_200


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--on` and what belongs to it."""
    group = parser.add_argument_group("device", "names and requirements: docs/DEVICES.md")
    group.add_argument(
        "--on", metavar="NAME",
        help="let a device predict: of `edge-ser device-test --list`, ssh://USER@HOST, serial:PORT",
    )  # fmt: skip
    group.add_argument(
        "--board", metavar="NAME", help=f"what is at the serial port ({_DEFAULT_BOARD})"
    )
    group.add_argument("--baud", type=positive_int, help=f"of the serial port ({_DEFAULT_BAUD})")
    group.add_argument("--identity", type=Path, metavar="FILE", help="private key for ssh")
    group.add_argument("--known-hosts", type=Path, metavar="FILE", help="device's key for ssh")
    group.add_argument("--cache", type=Path, metavar="DIR", help="default: ~/.cache/edge-ser")
    group.add_argument("--mirror", metavar="URL", help="Debian archive for emulated systems")


@contextmanager
def loader(args: argparse.Namespace) -> Iterator[Callable[[Path], Predictor]]:
    """Makes a model's predictor, here or on the device of `--on`, which is let go at the end.

    Raises:
        InputError: options of a device without `--on`.
    """
    from edge_ser.errors import InputError
    from edge_ser.evaluation.predictors import predictor_of

    if args.on is None:
        given = [name for name in _DEPENDENT if getattr(args, name) is not None]
        if given:
            option = given[0].replace("_", "-")
            raise InputError(f"--{option} belongs to a device", "name the device: --on NAME")
        yield partial(predictor_of, engine=args.engine)
        return
    from device_tests.predictor import device_predictor

    with ExitStack() as devices:
        settings = _settings(args)
        yield lambda path: devices.enter_context(device_predictor(args.on, path, settings))


def _settings(args: argparse.Namespace) -> Settings:
    from device_tests.cached import default_cache
    from device_tests.session import Settings
    from device_tests.ssh_connection import SshOptions

    return Settings(
        engines=(args.engine,) if args.engine else (),
        cache=args.cache or default_cache(),
        mirror=args.mirror,
        speech=(),
        stream=None,
        board=args.board or _DEFAULT_BOARD,
        baud=args.baud or _DEFAULT_BAUD,
        ssh=SshOptions(identity=args.identity, known_hosts=args.known_hosts),
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
