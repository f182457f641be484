"""The C engine's probe on a real device: every vector to the bit, over ssh's standard streams.

Compiled here for the device's processor, and linked statically so that it needs no library there;
where the compiler for that is missing here, compiled there.
"""

from __future__ import annotations

import dataclasses
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_tests.boards import Board, find_board
from device_tests.build import PROBE, compile_flags, engine_sources
from device_tests.c_checks import (
    FULL,
    BoardReport,
    board_report,
    build_probe,
    interrogate,
    make_task,
    options_for,
)
from device_tests.probe import BURST_UNIT, Probe, start_probe
from device_tests.ssh_connection import Connection, new_marker
from device_tests.ssh_machine import RemoteMachine, board_for, flags_for
from device_tests.versions import compiler_version
from edge_ser import SAMPLE_RATE
from edge_ser.bundle import Bundle
from edge_ser.errors import EnvironmentMissing, InputError
from firmware_export.c_engine import SourceOptions, write_sources

_UNDER_WAY = 256
"""Commands sent ahead of their answers. A network's way there and back is long, and the answers to
so many fit into any pipe."""

_LEAST_SECONDS = 1.0
_MOST_UNITS = 8_192


def run_probe(
    connection: Connection,
    machine: RemoteMachine,
    folder: str,
    bundle: Bundle,
    speech: Sequence[NDArray[np.float32]],
    cache: Path,
    say: Callable[[str], None] = print,
) -> BoardReport:
    """Question the engine there.

    Args:
        connection: to the device.
        machine: what it is.
        folder: the test's folder there.
        bundle: open.
        speech: clips to cut vectors from.
        cache: folder for everything that is made once.
        say: told what goes on.

    Raises:
        EnvironmentMissing: no compiler for the device, neither here nor there; no TFLite here.
        InputError: no build of the engine suits the device, or the engine cannot run the backbone.
        GateFailed: the probe does not run there, or answers nonsense.
    """
    name = board_for(machine)
    if not name:
        raise InputError(
            f"the C engine is not built for {machine.machine} here", "compile it there, see c/"
        )
    board = find_board(name)
    task = make_task(bundle, board, FULL, speech)
    program = f"{folder}/probe"
    compiler = put_probe(
        connection, machine, board, bundle, options_for(board), program, cache, say
    )
    say(f"{connection.host}: {len(task.short)} vectors, {len(task.long)} clips")
    with remote_probe(connection, program) as probe:
        answers = interrogate(probe, task, FULL)
        speed = _speed(probe)
        probe.exit()
    report = board_report(board, task, answers, compiler=compiler, speed=speed)
    return dataclasses.replace(report, title=machine.processor)


@contextmanager
def remote_probe(connection: Connection, program: str) -> Iterator[Probe]:
    """The probe started there, ended with the context.

    Args:
        connection: to the device.
        program: its path there, from `put_probe`.

    Raises:
        EdgeSerError: it does not run there.
    """
    # It ends at once without input: what does not run at all is told apart from what breaks off.
    connection.succeed('exec "$1"', program, doing="starting the C engine")
    marker = new_marker()
    command = connection.command('exec "$1"', program, marker=marker)
    with start_probe(command, FULL.limit_seconds, _UNDER_WAY) as probe:
        probe.skip_to(marker)
        yield probe


def _speed(probe: Probe) -> float:
    """Seconds of audio per second, over at least one second: the network's share is small then."""
    units = 2
    while True:
        begun = time.perf_counter()
        probe.burst(units)
        seconds = time.perf_counter() - begun
        if seconds >= _LEAST_SECONDS or units >= _MOST_UNITS:
            return units * BURST_UNIT / SAMPLE_RATE / seconds
        units *= 4


def put_probe(
    connection: Connection,
    machine: RemoteMachine,
    board: Board,
    bundle: Bundle,
    options: SourceOptions,
    program: str,
    cache: Path,
    say: Callable[[str], None],
) -> str:
    """Put the probe there; which compiler made it.

    Raises:
        EnvironmentMissing: no compiler for the device, neither here nor there.
        InputError: the engine cannot run the backbone.
    """
    flags = flags_for(machine)
    try:
        built = build_probe(board, bundle, options, cache, say, ("-static", *flags))
    except EnvironmentMissing:
        if not machine.compiler:
            raise
        return _compile_there(connection, machine, board, bundle, options, program)
    connection.send(built.path, program, "copying the probe")
    connection.succeed('chmod u+x "$1"', program, doing="copying the probe")
    return " ".join((compiler_version(board, cache), *board.flags, *flags))


def _compile_there(
    connection: Connection,
    machine: RemoteMachine,
    board: Board,
    bundle: Bundle,
    options: SourceOptions,
    program: str,
) -> str:
    # The flags of zig are no other compiler's; an armv6 system's own compiler needs none.
    flags = () if board.compiler == "zig" else (*board.flags, *flags_for(machine))
    plain = dataclasses.replace(find_board("host"), flags=flags)
    with tempfile.TemporaryDirectory(prefix="edge-ser-sources-") as scratch:
        sources, archive = Path(scratch, "sources"), Path(scratch, "sources.tar")
        write_sources(bundle, sources, options)
        words = compile_flags(plain, PROBE, "stdio", ("-O2",), engine_sources(sources))
        with tarfile.open(archive, "w") as tar:
            tar.add(sources, ".")
        connection.succeed(
            'mkdir "$1" && tar -xf - -C "$1"',
            f"{program}-sources",
            doing="copying the engine's sources",
            data=archive,
        )
    connection.succeed(
        'cd "$1" && shift && exec cc "$@"',
        *(f"{program}-sources", *words, "-o", program),
        doing="compiling the engine",
    )
    version = connection.succeed("cc --version", doing="asking the compiler's version")
    return " ".join((version.splitlines()[0], *flags, "(there)"))
