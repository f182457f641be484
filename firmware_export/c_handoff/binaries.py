"""The library and the program in `c/prebuilt/`, built by the Makefile that lies beside them.

So every export proves the Makefile, and a receiver with the same compiler gets the same bytes.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from edge_ser.errors import EnvironmentMissing
from firmware_export.c_handoff.build_files import program_of
from firmware_export.target import Target
from firmware_export.toolchains import find_compiler, run_compiler

PREBUILT = "prebuilt"
LIBRARY = "libedge_ser.a"

_ONLY_SOURCES = "or export the sources alone: --without-binaries"


def require_toolchain(target: Target) -> None:
    """Refuse to start an export whose end would fail.

    Raises:
        EnvironmentMissing: the target's compiler or make is not installed.
    """
    if target.c is None:
        return
    try:
        find_compiler(target.c.compiler).require()
    except EnvironmentMissing as error:
        raise EnvironmentMissing(
            f"{target.name}'s library is built at the export, and {error}",
            f"{error.hint}; {_ONLY_SOURCES}",
        ) from error
    if shutil.which("make") is None:
        raise EnvironmentMissing(
            f"{target.name}'s library is built at the export, and there is no make here",
            f"sudo apt-get install make; {_ONLY_SOURCES}",
        )


def build_binaries(folder: Path, target: Target) -> None:
    """Build, and keep the library and the program.

    Args:
        folder: of the hand-off, complete with its Makefile.
        target: its `c` is set.

    Raises:
        EnvironmentMissing: the toolchain fails.
    """
    assert target.c is not None
    compiler = find_compiler(target.c.compiler)
    words = {"CC": compiler.compile, "AR": compiler.archive}
    settings = [f"{name}={shlex.join(command)}" for name, command in words.items()]
    run_compiler(["make", "--silent", "--jobs=2", *settings], folder)
    (folder / PREBUILT).mkdir()
    for name in (LIBRARY, program_of(target)):
        (folder / "build" / name).replace(folder / PREBUILT / name)
    shutil.rmtree(folder / "build")
