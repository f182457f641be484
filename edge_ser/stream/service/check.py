"""`--check-config`: what can be known of options before anything is opened.

Rules, addresses, secrets, files and folders are looked at, and all that is wrong with them is
said at once. Non-goals: whether a microphone, a broker or a package is there (`edge-ser doctor`),
and whether a bundle is sound (`edge-ser verify`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edge_ser.errors import InputError
from edge_ser.stream.access import SHORTEST_SECRET, check_binding, read_secret, split_address
from edge_ser.stream.actions import actions_for
from edge_ser.stream.meaning.rules import Rule
from edge_ser.stream.options import InputOptions, OutputOptions, StreamOptions

Check = Callable[[], object]

_CREDENTIALS = Path("/run/credentials")
"""systemd's: they exist, for the service alone, while it runs."""


def check_options(options: StreamOptions) -> None:
    """Look at everything that needs no device and no network.

    Raises:
        InputError: something cannot be used; the message has one line for each such thing, with
            the key that it belongs to.
    """
    problems = [
        f"{key}: {error}" + (f" ({error.hint})" if error.hint else "")
        for key, check in _checks(options)
        for error in [_failure(check)]
        if error is not None
    ]
    if problems:
        raise InputError("\n".join(problems))


def _checks(options: StreamOptions) -> Iterator[tuple[str, Check]]:
    """Every key with something to check, and the check."""
    yield from _input_checks(options.input)
    if options.model.bundle is not None:
        yield "model.bundle", partial(_exists, options.model.bundle)
    for number, rule in enumerate(options.rules):
        yield f"rules[{number}]", partial(Rule, rule)
    yield "rules", partial(actions_for, options.rules)
    yield from _output_checks(options.output)


def _input_checks(options: InputOptions) -> Iterator[tuple[str, Check]]:
    if options.file is not None:
        yield "input.file", partial(_exists, options.file)
    for name in ("rtp", "udp", "websocket"):
        address = getattr(options, name)
        if address is not None:
            yield f"input.{name}", partial(_binding, address, options.key_file, name)
    if options.key_file is not None:
        yield "input.key_file", partial(_secret, options.key_file)


def _output_checks(options: OutputOptions) -> Iterator[tuple[str, Check]]:
    for name in ("json_file", "csv", "record"):
        path = getattr(options, name)
        if path is not None:
            yield f"output.{name}", partial(_folder_takes, path)
    if options.osc is not None:
        yield "output.osc", partial(split_address, options.osc)
    web, mqtt = options.web, options.mqtt
    if web is not None:
        yield "output.web.listen", partial(_binding, web.listen, web.token_file, "the page")
        if web.token_file is not None:
            yield "output.web.token_file", partial(_secret, web.token_file)
    if mqtt is not None:
        if mqtt.password_file is not None:
            yield "output.mqtt.password_file", partial(_secret, mqtt.password_file, shortest=1)
        if mqtt.ca_file is not None:
            yield "output.mqtt.ca_file", partial(_exists, mqtt.ca_file)


def _failure(check: Check) -> InputError | None:
    try:
        check()
    except InputError as error:
        return error
    return None


def _binding(address: str, secret: Path | None, what: str) -> None:
    check_binding(split_address(address)[0], None if secret is None else str(secret), what)


def _secret(path: Path, shortest: int = SHORTEST_SECRET) -> None:
    if not path.is_relative_to(_CREDENTIALS):
        read_secret(path, shortest)


def _exists(path: Path) -> None:
    if not path.exists():
        raise InputError(f"there is no {path}")


def _folder_takes(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name a file in it")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{path} cannot be written", "does its folder exist, and is it yours?")
