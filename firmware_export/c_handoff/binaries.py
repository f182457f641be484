"""The library and the program in `c/prebuilt/`, built by the Makefile that lies beside them.

So every export proves the Makefile, and a receiver with the same compiler gets the same bytes.
"""

from __future__ import annotations

import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

from edge_ser.errors import EnvironmentMissing
from edge_ser.runtime.c_compiler import find_compiler as host_compiler
from firmware_export.c_handoff.build_files import program_of
from firmware_export.target import Target
from firmware_export.toolchains import find_compiler, run_compiler

PREBUILT = "prebuilt"
LIBRARY = "libedge_ser.a"


def require_toolchain(target: Target) -> None:
    """Refuse to start an export whose end would fail.

    Raises:
        EnvironmentMissing: names everything that is not installed.
    """
    if target.c is None:
        return
    compiler = find_compiler(target.c.compiler)
    missing = {
        f"the compiler {compiler.name}": "" if compiler.present else compiler.install,
        "a C compiler for this machine": "" if host_compiler() else find_compiler("host").install,
        "make": "" if shutil.which("make") else "sudo apt-get install make",
        "pyelftools": "" if find_spec("elftools") else "pip install 'edge-ser[cross]'",
    }
    lacking = {what: install for what, install in missing.items() if install}
    if lacking:
        raise EnvironmentMissing(
            f"the export builds a library for {target.name}, which needs {', '.join(lacking)}",
            f"{'; '.join(lacking.values())}; or export the sources alone: --without-binaries",
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
