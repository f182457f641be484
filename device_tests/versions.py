"""Versions of compilers and emulators, for the record."""

from __future__ import annotations

import json
from pathlib import Path

from device_tests import toolchains
from device_tests.boards import Board
from device_tests.host_tools import run_tool

_RP2040_PACKAGE = Path(__file__).parent / "rp2040" / "package.json"


def compiler_version(board: Board, cache: Path) -> str:
    """First line of the board's compiler's `--version`.

    Raises:
        EnvironmentMissing: it is not installed.
    """
    call = toolchains.compiler_call(board, cache)
    return run_tool([*call.command, "--version"], call.environment).splitlines()[0].strip()


def emulator_version(board: Board) -> str:
    """Name and version of the board's emulator; "" where programs run on this machine.

    Raises:
        EnvironmentMissing: it is not installed.
    """
    if not board.emulator:
        return ""
    if board.emulator == (toolchains.RP2040JS,):
        pinned = json.loads(_RP2040_PACKAGE.read_text())["dependencies"]
        return f"{toolchains.RP2040JS} {pinned[toolchains.RP2040JS]}"
    said = run_tool([board.emulator[0], "--version"]).splitlines()[0]
    return f"{board.emulator[0]} {said.split('version ')[-1].split()[0].rstrip(',')}"
