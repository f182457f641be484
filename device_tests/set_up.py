"""Getting everything ready that boards need: what is not a Debian package goes into the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from device_tests import instructions, toolchains
from device_tests.boards import Board, find_board
from device_tests.cached import key, once
from device_tests.host_tools import run_tool
from device_tests.toolchains import RP2040JS, ZIG


def set_up(names: Iterable[str], cache: Path, say: Callable[[str], None] = print) -> None:
    """Prepare boards, so that later runs need no network.

    Args:
        names: of boards.
        cache: folder for everything that is made once.
        say: told before something slow.

    Raises:
        InputError: an unknown name.
        EnvironmentMissing: Debian packages are missing (all are named; the boards that do not
            need them are ready), or a download failed.
    """
    boards = [find_board(name) for name in names]
    waiting = [board for board in boards if toolchains.missing_packages([board])]
    for board in boards:
        if board not in waiting:
            _prepare(board, cache, say)
    toolchains.require(waiting)


def _prepare(board: Board, cache: Path, say: Callable[[str], None]) -> None:
    toolchains.emulator_call(board, cache, say)
    if board.emulator and board.emulator != (RP2040JS,):
        instructions.plugin(board.emulator[0], cache, say)
    if board.compiler == "zig":
        _compile_its_c_library(board, cache, say)


def _compile_its_c_library(board: Board, cache: Path, say: Callable[[str], None]) -> None:
    """zig does it at the first link, and that takes a minute or two."""
    call = toolchains.compiler_call(board, cache, say)

    def link(folder: Path) -> None:
        program = folder / "empty.c"
        program.write_text("int main(void) { return 0; }\n")
        words = [*call.command, *board.flags, "-O2", "-static", str(program)]
        run_tool([*words, "-o", str(folder / "empty")], call.environment)

    once(cache / f"{board.name}-c-library-{key(ZIG, board.flags)}", link, say)
