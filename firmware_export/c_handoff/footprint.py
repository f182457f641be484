"""What the engine takes on its target, read from compiled files; nothing is run.

RAM: the size of the engine's memory as the target's compiler lays it out, and its deepest stack.
Flash: an image of all public functions with all they need, unused code left out, as an application
would link them.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_ser.errors import GateFailed
from firmware_export.c_handoff.binaries import LIBRARY, PREBUILT
from firmware_export.c_handoff.build_files import BARE_FLAGS
from firmware_export.c_handoff.stack import CALL_GRAPH_FLAG, read_call_graph
from firmware_export.target import Target
from firmware_export.toolchains import find_compiler, run_compiler

_BUFFER = """\
#include "es_internal.h"
unsigned char es_footprint[sizeof(edge_ser)];
"""

_KERNELS = """\
#include "kernels/es_kernel.h"
const char es_footprint[] = ES_KERNELS;
"""

_API = (
    "edge_ser_get_buffer_size",
    "edge_ser_init",
    "edge_ser_reset",
    "edge_ser_push",
    "edge_ser_finish",
    "edge_ser_set_level",
    "edge_ser_get_result",
    "edge_ser_version",
    "edge_ser_model_sha256",
    "edge_ser_kernels",
)

_COMPILE = ("-ffp-contract=off", "-g0", "-Iinclude", "-Isrc", "-c")

_WRITE, _ALLOC = 0x1, 0x2
"""Section flags of ELF."""


@dataclass(frozen=True)
class Footprint:
    """Bytes on the target.

    Attributes:
        kernels: that were compiled in.
        buffer: `edge_ser_get_buffer_size()`.
        flash: code and constants; None under Linux.
        stack: deepest; None under Linux.
    """

    kernels: str
    buffer: int
    flash: int | None = None
    stack: int | None = None


def measure_footprint(folder: Path, target: Target) -> Footprint:
    """Compile and link for the target.

    Args:
        folder: of the hand-off, built.
        target: its `c` is set.

    Raises:
        EnvironmentMissing: the toolchain fails.
        GateFailed: the engine has globals that are written.
    """
    with tempfile.TemporaryDirectory(prefix="edge-ser-footprint-") as scratch:
        kernels = _compiled(_KERNELS, folder, target, Path(scratch)).rstrip(b"\0").decode()
        buffer = len(_compiled(_BUFFER, folder, target, Path(scratch)))
        if target.linux:
            return Footprint(kernels, buffer)
        flash = _flash(folder, target, Path(scratch))
        return Footprint(kernels, buffer, flash, _stack(folder, target, Path(scratch)))


def _command(target: Target) -> list[str]:
    assert target.c is not None
    bare = () if target.linux else BARE_FLAGS
    compiler = find_compiler(target.c.compiler)
    return [*compiler.compile, "-std=c99", target.c.optimise, *bare, *target.c.flags]


def _compiled(text: str, folder: Path, target: Target, scratch: Path) -> bytes:
    """Contents of the variable `es_footprint`, as the target's compiler lays it out."""
    source, result = scratch / "probe.c", scratch / "probe.o"
    source.write_text(text)
    run_compiler([*_command(target), *_COMPILE, source, "-o", result], folder)
    elf = _elf(result)
    (symbol,) = _symbols(elf).get_symbol_by_name("es_footprint")
    start, size = symbol["st_value"], symbol["st_size"]
    section = elf.get_section(symbol["st_shndx"])
    return bytes(section.data()[start : start + size])


def _flash(folder: Path, target: Target, scratch: Path) -> int:
    image = scratch / "image.elf"
    wanted = [f"-Wl,-u,{name}" for name in _API]
    link = ["-nostdlib", "-Wl,--gc-sections", f"-Wl,-e,{_API[1]}", *wanted]
    library = f"{PREBUILT}/{LIBRARY}"
    sources = ["device/es_memory.c", library, "-lgcc"]
    run_compiler(
        [*_command(target), "-g0", "-ffunction-sections", *link, *sources, "-o", image], folder
    )
    elf = _elf(image)
    written = _written_globals(elf)
    if written:
        raise GateFailed(
            f"the engine writes to globals: {', '.join(written)}",
            "its caller must own all memory; look for a variable that is not const",
        )
    kept = (s for s in elf.iter_sections() if s["sh_flags"] & _ALLOC)
    return sum(int(s["sh_size"]) for s in kept if s["sh_type"] != "SHT_NOBITS")


def _stack(folder: Path, target: Target, scratch: Path) -> int:
    for index, source in enumerate(sorted((folder / "src").rglob("*.c"))):
        flags = (*_COMPILE, CALL_GRAPH_FLAG, source.relative_to(folder))
        run_compiler([*_command(target), *flags, "-o", scratch / f"{index}.o"], folder)
    return read_call_graph(path.read_text() for path in scratch.glob("*.ci")).deepest()


def _written_globals(elf: Any) -> list[str]:
    writable = {index for index, s in enumerate(elf.iter_sections()) if s["sh_flags"] & _WRITE}
    objects = (s for s in _symbols(elf).iter_symbols() if s["st_info"]["type"] == "STT_OBJECT")
    return sorted(s.name for s in objects if s["st_shndx"] in writable and s["st_size"])


def _symbols(elf: Any) -> Any:
    (table,) = (s for s in elf.iter_sections() if s["sh_type"] == "SHT_SYMTAB")
    return table


def _elf(path: Path) -> Any:
    from elftools.elf.elffile import ELFFile

    return ELFFile(io.BytesIO(path.read_bytes()))
