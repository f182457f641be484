"""Where the boards' compilers and emulators come from here, and how each is called.

Debian packages for all but two: the compiler for armv6 (zig, a Python package, taken from this
environment if it is there) and the emulator of the Cortex-M0+ (rp2040js, an npm package). These
go into the cache on first use. Nothing needs root: missing Debian packages are named.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from device_tests.boards import Board
from device_tests.cached import key, once
from device_tests.host_tools import run_tool
from edge_ser.errors import EnvironmentMissing
from firmware_export.toolchains import find_compiler

ZIG = "ziglang==0.17.1"
RP2040JS = "rp2040js"
"""Stands for the emulator in the table of boards."""

_RP2040 = Path(__file__).parent / "rp2040"
_RP2040_FILES = ("package.json", "package-lock.json")

_PACKAGE_OF = {
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
    "qemu-aarch64": "qemu-user",
    "qemu-arm": "qemu-user",
    "node": "nodejs",
    "npm": "npm",
}


@dataclass(frozen=True)
class Call:
    """A program and what it needs in its environment beyond this process's own."""

    command: tuple[str, ...]
    variables: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment to start it in; messages in English."""
        return {**os.environ, "LC_ALL": "C", **self.variables}


def missing_packages(boards: Iterable[Board]) -> list[str]:
    """Debian packages that have to be installed before these boards can be used; sorted."""
    packages: set[str] = set()
    for board in boards:
        compiler = find_compiler(board.compiler)
        if not (compiler.present or compiler.module):
            packages.update(compiler.packages)
        packages.update(_PACKAGE_OF[name] for name in _programs(board) if not shutil.which(name))
    return sorted(packages)


def require(boards: Iterable[Board]) -> None:
    """Refuse to start what cannot work.

    Raises:
        EnvironmentMissing: names the Debian packages.
    """
    packages = " ".join(missing_packages(boards))
    if packages:
        raise EnvironmentMissing(
            f"compiling for these boards and emulating them needs {packages}",
            f"on Debian or Ubuntu: sudo apt-get install {packages}",
        )


def compiler_call(board: Board, cache: Path, say: Callable[[str], None] = print) -> Call:
    """How the board's compiler is called.

    Raises:
        EnvironmentMissing: it is not installed, or cannot be fetched.
    """
    compiler = find_compiler(board.compiler)
    if not compiler.module:
        require([board])
        return Call(compiler.compile, {})
    # zig compiles its C libraries on first use and keeps them.
    folder = str(cache / "zig-cache")
    variables = {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
    if compiler.present:
        return Call(compiler.compile, variables)
    fetched = once(cache / ZIG.replace("==", "-"), _fetch_zig, say)
    return Call((str(fetched / "ziglang" / "zig"), "cc"), variables)


def emulator_call(board: Board, cache: Path, say: Callable[[str], None] = print) -> tuple[str, ...]:
    """Command that runs a program whose path follows; empty if it runs here.

    Raises:
        EnvironmentMissing: it is not installed, or cannot be fetched.
    """
    require([board])
    if board.emulator != (RP2040JS,):
        return board.emulator
    contents = [(_RP2040 / name).read_text() for name in _RP2040_FILES]
    fetched = once(cache / f"{RP2040JS}-{key(*contents)}", _fetch_rp2040js, say)
    return ("node", str(_RP2040 / "run.mjs"), str(fetched))


def _programs(board: Board) -> tuple[str, ...]:
    return ("node", "npm") if board.emulator == (RP2040JS,) else board.emulator[:1]


def _fetch_zig(folder: Path) -> None:
    if find_spec("pip") is None:
        raise EnvironmentMissing("fetching zig needs pip", f"{sys.executable} -m ensurepip")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--target", str(folder)]
    run_tool([*command, ZIG])


def _fetch_rp2040js(folder: Path) -> None:
    for name in _RP2040_FILES:
        shutil.copy(_RP2040 / name, folder)
    command = ["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
    run_tool(command, {**os.environ, "npm_config_update_notifier": "false"})
