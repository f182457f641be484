"""Where the compilers and emulators of the boards come from, and how each is called.

Debian packages for all but two: the compiler for armv6 (zig, a Python package) and the emulator
of the Cortex-M0+ (rp2040js, an npm package), which go into the cache. Nothing needs root here:
missing Debian packages are named.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from device_tests.boards import Board
from device_tests.cached import key, once
from device_tests.host_tools import run_tool
from edge_ser.errors import EnvironmentMissing

ZIG = "ziglang==0.17.1"

_RP2040 = Path(__file__).parent / "rp2040"
_RP2040_FILES = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Compiler:
    """A C compiler.

    Attributes:
        command: how it is called; empty for zig, which lies in the cache.
        packages: Debian packages that provide it and its C library.
        size: program that prints the sizes of an image's sections; empty if there is none.
    """

    command: tuple[str, ...]
    packages: tuple[str, ...]
    size: str = ""


COMPILERS = {
    "arm-none-eabi": Compiler(("arm-none-eabi-gcc",), ("gcc-arm-none-eabi",), "arm-none-eabi-size"),
    "riscv64-unknown-elf": Compiler(
        ("riscv64-unknown-elf-gcc",), ("gcc-riscv64-unknown-elf",), "riscv64-unknown-elf-size"
    ),
    "aarch64-linux-gnu": Compiler(
        ("aarch64-linux-gnu-gcc",), ("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross")
    ),
    "arm-linux-gnueabihf": Compiler(
        ("arm-linux-gnueabihf-gcc",), ("gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross")
    ),
    "host": Compiler(("cc",), ("gcc", "libc6-dev")),
    "zig": Compiler((), ()),
}

_PACKAGE_OF_EMULATOR = {
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
    "qemu-aarch64": "qemu-user",
    "qemu-arm": "qemu-user",
}
_PACKAGES_OF_RP2040 = {"node": "nodejs", "npm": "npm"}


def missing_packages(boards: Iterable[Board]) -> list[str]:
    """Debian packages that have to be installed before these boards can be used; sorted."""
    packages: set[str] = set()
    for board in boards:
        compiler = COMPILERS[board.compiler]
        if compiler.command and not shutil.which(compiler.command[0]):
            packages.update(compiler.packages)
        for program, package in _programs_to_run(board).items():
            if not shutil.which(program):
                packages.add(package)
    return sorted(packages)


def _programs_to_run(board: Board) -> dict[str, str]:
    if board.emulator == ("rp2040js",):
        return _PACKAGES_OF_RP2040
    return {program: _PACKAGE_OF_EMULATOR[program] for program in board.emulator[:1]}


def require(boards: Iterable[Board]) -> None:
    """Refuse to start what cannot work.

    Raises:
        EnvironmentMissing: names the Debian packages.
    """
    packages = " ".join(missing_packages(boards))
    if packages:
        raise EnvironmentMissing(
            f"compiling for and emulating these boards needs {packages}",
            f"on Debian or Ubuntu: sudo apt-get install {packages}",
        )


@dataclass(frozen=True)
class Call:
    """A program and what it needs in its environment beyond the usual."""

    command: tuple[str, ...]
    environment: dict[str, str]


def compiler(board: Board, cache: Path, say: Callable[[str], None] = print) -> Call:
    """How the board's compiler is called; zig is fetched on first use.

    Raises:
        EnvironmentMissing: it is not installed, or cannot be.
    """
    if board.compiler == "zig":
        folder = str(cache / "zig-cache")
        environment = {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
        return Call((str(_zig(cache, say)), "cc"), environment)
    chosen = COMPILERS[board.compiler]
    if not shutil.which(chosen.command[0]):
        names = " ".join(chosen.packages)
        raise EnvironmentMissing(
            f"compiling for {board.name} needs {chosen.command[0]}",
            f"on Debian or Ubuntu: sudo apt-get install {names}",
        )
    return Call(chosen.command, {})


def emulator(board: Board, cache: Path, say: Callable[[str], None] = print) -> tuple[str, ...]:
    """Command that runs a program whose path follows; empty if it runs here.

    Raises:
        EnvironmentMissing: it is not installed, or cannot be.
    """
    missing = {name: deb for name, deb in _programs_to_run(board).items() if not shutil.which(name)}
    if missing:
        raise EnvironmentMissing(
            f"running {board.name} needs {', '.join(missing)}",
            f"on Debian or Ubuntu: sudo apt-get install {' '.join(sorted(missing.values()))}",
        )
    if board.emulator == ("rp2040js",):
        return ("node", str(_RP2040 / "run.mjs"), str(_rp2040js(cache, say)))
    return board.emulator


def _zig(cache: Path, say: Callable[[str], None]) -> Path:
    """zig's executable: of the Python environment if it is installed there, else of the cache."""
    installed = importlib.util.find_spec("ziglang")
    if installed is not None and installed.submodule_search_locations:
        return Path(installed.submodule_search_locations[0], "zig")
    return once(cache / ZIG.replace("==", "-"), _install_zig, say) / "ziglang" / "zig"


def _install_zig(folder: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise EnvironmentMissing(
            "fetching zig needs pip", f"{sys.executable} -m ensurepip, or pip install {ZIG}"
        )
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--target", str(folder)]
    run_tool([*command, ZIG])


def _rp2040js(cache: Path, say: Callable[[str], None]) -> Path:
    contents = [(_RP2040 / name).read_text() for name in _RP2040_FILES]
    return once(cache / f"rp2040js-{key(*contents)}", _install_rp2040js, say)


def _install_rp2040js(folder: Path) -> None:
    for name in _RP2040_FILES:
        shutil.copy(_RP2040 / name, folder)
    command = ["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
    run_tool(command, {**os.environ, "npm_config_update_notifier": "false"})
