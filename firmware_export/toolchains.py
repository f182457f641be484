"""The C compilers that sources are built with: how each is called and where it comes from.

A table and the running of it; which device wants which compiler stands with the targets and the
boards. All install from apt or pip. Builds are reproducible: see `REPRODUCIBLE`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_ser.errors import EnvironmentMissing, InputError


@dataclass(frozen=True)
class Compiler:
    """One toolchain.

    Attributes:
        name: as the tables refer to it.
        compile: the compiler's words, before its arguments.
        archive: the archiver's.
        packages: Debian packages that bring it with its C library; empty with `module`.
        module: Python package that brings it; empty for a program on the PATH.
    """

    name: str
    compile: tuple[str, ...]
    archive: tuple[str, ...]
    packages: tuple[str, ...]
    module: str = ""

    @property
    def install(self) -> str:
        """Command that installs it."""
        if self.module:
            return "pip install 'edge-ser[cross]'"
        return f"sudo apt-get install {' '.join(self.packages)}"

    def usual(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """`compile` or `archive` as somebody else's shell would find it."""
        return ("python3", *words[1:]) if self.module else words

    @property
    def present(self) -> bool:
        """Whether it can be called here."""
        if self.module:
            return importlib.util.find_spec(self.module) is not None
        return all(shutil.which(words[0]) for words in (self.compile, self.archive))

    def require(self) -> None:
        """Refuse to start what cannot work.

        Raises:
            EnvironmentMissing: it is not installed.
        """
        if not self.present:
            raise EnvironmentMissing(
                f"there is no {self.name} compiler here", f"install it: {self.install}"
            )


def _gnu(name: str, *packages: str) -> Compiler:
    return Compiler(name, (f"{name}-gcc",), (f"{name}-ar",), packages)


_ZIG = (sys.executable, "-m", "ziglang")

COMPILERS: dict[str, Compiler] = {
    compiler.name: compiler
    for compiler in (
        _gnu("arm-none-eabi", "gcc-arm-none-eabi", "libnewlib-arm-none-eabi"),
        _gnu("riscv64-unknown-elf", "gcc-riscv64-unknown-elf"),
        _gnu("aarch64-linux-gnu", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"),
        _gnu("arm-linux-gnueabihf", "gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"),
        Compiler("zig", (*_ZIG, "cc"), (*_ZIG, "ar"), (), "ziglang"),
        Compiler("host", ("cc",), ("ar",), ("gcc", "libc6-dev")),
    )
}

REPRODUCIBLE = ("-g0", "-ffile-prefix-map=.=", "-fno-ident")
"""Arguments that keep the building machine out of an object; sources are named relatively."""

ARCHIVE_FLAGS = "rcsD"
"""D: no times and no owners in an archive."""


def find_compiler(name: str) -> Compiler:
    """The compiler of that name.

    Raises:
        InputError: unknown.
    """
    if name not in COMPILERS:
        raise InputError(f"no compiler called {name!r}", f"known compilers: {', '.join(COMPILERS)}")
    return COMPILERS[name]


def compiler_version(compiler: Compiler) -> str:
    """Name and version: of the Python package that brings it, or as its own first line has them.

    Raises:
        EnvironmentMissing: it does not run.
    """
    if compiler.module:
        return f"{compiler.module} {importlib.metadata.version(compiler.module)}"
    return run_compiler([*compiler.compile, "--version"], Path.cwd()).splitlines()[0].strip()


def run_compiler(command: Sequence[str | Path], folder: Path) -> str:
    """Standard output of a compiler, archiver or linker that must succeed.

    Args:
        command: words; paths inside `folder` are to be relative.
        folder: to run in.

    Raises:
        EnvironmentMissing: it failed; the message ends with what it said first.
    """
    words = [str(word) for word in command]
    result = subprocess.run(
        words, cwd=folder, env=_environment(), capture_output=True, text=True, errors="replace"
    )
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()[:3]
        raise EnvironmentMissing(
            f"{Path(words[0]).name} failed with code {result.returncode}: {' / '.join(said)}",
            "the toolchain is incomplete or of an untested version; the command was: "
            + " ".join(words),
        )
    return result.stdout


def _environment() -> dict[str, str]:
    """No translated messages, no times, and flags of somebody else's build left out."""
    kept = {key: value for key, value in os.environ.items() if not key.endswith("FLAGS")}
    return {**kept, "LC_ALL": "C", "SOURCE_DATE_EPOCH": "0"}
