"""The command that runs a program on its board, with or without counting instructions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from device_tests import toolchains
from device_tests.boards import CHANNELS
from device_tests.build import Program
from device_tests.instructions import Counter


def run_command(
    program: Program,
    cache: Path,
    counter: Counter | None = None,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Words to start; the program then talks on standard input and output.

    Args:
        program: compiled for its board.
        cache: where emulators lie that are not Debian packages.
        counter: counts instructions into its file; None for none.
        say: told before something slow.

    Raises:
        EnvironmentMissing: the emulator is not installed.
        InputError: nothing counts instructions on this board.
    """
    board = program.board
    words = list(toolchains.emulator_call(board, cache, say))
    image = str(program.path)
    if board.emulator == (toolchains.RP2040JS,):
        return [*words, image, *([str(counter.file)] if counter else [])]
    if counter:
        words[1:1] = counter.qemu_arguments(words)
    if not board.bare:
        return [*words, image]
    return [*words, *CHANNELS[program.transport], "-kernel", image]
