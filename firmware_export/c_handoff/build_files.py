"""Makefile, CMake, Arduino, PlatformIO and ESP-IDF files around one source tree.

All of them build `src/` with `include/`: Arduino compiles everything in src/ and finds headers
there only, hence the forwarding src/edge_ser.h; the others take both folders. No files of the
engine are copied for any of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_ser import __version__
from firmware_export.c_handoff.templating import fill
from firmware_export.provenance import SOFTWARE_LICENCE
from firmware_export.target import CBuild, Demo, Target
from firmware_export.toolchains import find_compiler

LIVE = "edge-ser-live"
DEMO = "edge-ser-demo.elf"
DEMO_SOURCES = ("es_demo.c", "es_demo_clip.c", "es_text.c")
BARE_FLAGS = ("-ffreestanding", "-fbuiltin", "-idirafter", "device/libc")
"""A C library's headers are used where there are any; small copies stay inline all the same."""

_CONSOLE = (
    *("-nographic", "-monitor", "none", "-serial", "none"),
    *("-semihosting-config", "enable=on,target=native"),
)
"""qemu without a window; the demo's text comes to standard output."""

_DESCRIPTION = "Arousal, dominance and valence of speech, from 16 kHz audio"

_FORWARD = """\
/* edge_ser.h: where Arduino looks for it. */
#include "../include/edge_ser.h"
"""

_EXAMPLE = "examples/Readings/Readings.ino"


@dataclass(frozen=True)
class Project:
    """What the files say.

    Attributes:
        target: it is for; its `c` is set.
        student: name of the model.
        sources: C files of the library, relative to the folder.
    """

    target: Target
    student: str
    sources: tuple[Path, ...]

    @property
    def c(self) -> CBuild:
        """How the target builds."""
        assert self.target.c is not None
        return self.target.c


def program_of(target: Target) -> str:
    """The program beside the library: a Linux command, or firmware."""
    return LIVE if target.linux else DEMO


def demo_sources(demo: Demo) -> tuple[str, ...]:
    """C files of the demo firmware besides the library, relative to `c/`."""
    return tuple(f"device/{name}" for name in (*DEMO_SOURCES, *demo.sources, demo.transport))


def run_command(demo: Demo, program: str) -> str:
    """How the emulator runs the demo; empty if no Debian package has it."""
    return " ".join((*demo.emulator, *_CONSOLE, "-kernel", program)) if demo.emulator else ""


def write_build_files(folder: Path, project: Project) -> None:
    """Write everything but sources, README and what is built.

    Args:
        folder: holds `include` and `src`.
        project: what to say.
    """
    target = project.target
    (folder / "src" / "edge_ser.h").write_text(_FORWARD, encoding="utf-8")
    values = _values(project)
    for name in ("Makefile", "CMakeLists.txt", "library.properties", "idf_component.yml"):
        (folder / name).write_text(fill(name, values), encoding="utf-8")
    (folder / "toolchain.cmake").write_text(fill("toolchain.cmake", _toolchain(target, project.c)))
    (folder / "library.json").write_text(_platformio(project), encoding="utf-8")


def write_example(folder: Path, buffer_bytes: int | None) -> None:
    """The Arduino sketch, its memory as large as the engine needs.

    Args:
        folder: of the hand-off.
        buffer_bytes: measured; None reserves 64 KB.
    """
    note = "" if buffer_bytes else "// edge_ser_get_buffer_size() says how many bytes it needs.\n"
    words = -(-(buffer_bytes or 65_536) // 8)
    path = folder / _EXAMPLE
    path.parent.mkdir(parents=True)
    path.write_text(fill("Readings.ino", {"buffer_note": note, "buffer_words": str(words)}))


def _values(project: Project) -> dict[str, str]:
    target, c = project.target, project.c
    bare = not target.linux
    compiler = find_compiler(c.compiler)
    common = {
        "name": target.name,
        "title": target.title,
        "student": project.student,
        "version": __version__,
        "licence": SOFTWARE_LICENCE,
        "program": program_of(target),
        "cc": " ".join(compiler.usual(compiler.compile)),
        "ar": " ".join(compiler.usual(compiler.archive)),
        "cpu": " ".join(c.flags),
        "optimise": c.optimise,
        "sources": "\n".join(f"  {path.as_posix()}" for path in project.sources),
        "bare_flags": _after(BARE_FLAGS) if bare else "",
        "bare_flags_cmake": _after(_in_cmake(BARE_FLAGS)) if bare else "",
    }
    return common | (_firmware(target.demo, common) if target.demo else _command(common))


def _command(common: dict[str, str]) -> dict[str, str]:
    return {
        "make_help": "",
        "phony": "",
        "cmake_hint": "\n# On the device itself no toolchain file is needed.",
        "program_rules": fill("program_linux.mk", common),
        "program_target": fill("program_linux.cmake", common).rstrip(),
    }


def _firmware(demo: Demo, common: dict[str, str]) -> dict[str, str]:
    sources = demo_sources(demo)
    runs = bool(demo.emulator)
    values = common | {
        "demo_sources": " ".join(sources),
        "demo_sources_lines": "\n    ".join(sources),
        "demo_defines": _after(demo.defines),
        "script": demo.script,
        "run_rule": f"\nrun: $(PROGRAM)\n\t{run_command(demo, '$(PROGRAM)')}\n" if runs else "",
    }
    return {
        "make_help": "#     make run              the demo in qemu\n" if runs else "",
        "phony": " run" if runs else "",
        "cmake_hint": "",
        "program_rules": fill("program_bare.mk", values),
        "program_target": fill("program_bare.cmake", values).rstrip(),
    }


def _after(words: Sequence[str]) -> str:
    return "".join(f" {word}" for word in words)


def _in_cmake(flags: Sequence[str]) -> tuple[str, ...]:
    """SHELL: keeps an option and its argument together; folders become absolute."""
    plain = [flag for flag in flags if flag.startswith("-f")]
    return (*plain, '"SHELL:-idirafter ${CMAKE_CURRENT_SOURCE_DIR}/device/libc"')


def _toolchain(target: Target, c: CBuild) -> dict[str, str]:
    compiler = find_compiler(c.compiler)
    words, archiver = compiler.usual(compiler.compile), compiler.usual(compiler.archive)
    lines = [f"set(CMAKE_C_COMPILER {' '.join(words)})"]
    if len(archiver) > 1:
        # CMAKE_AR takes one word only.
        lines += [
            f'set(CMAKE_C_ARCHIVE_CREATE "{" ".join(archiver)} qcD <TARGET> <OBJECTS>")',
            f'set(CMAKE_C_ARCHIVE_FINISH "{" ".join(archiver)} sD <TARGET>")',
        ]
    # Nothing can be linked without a board's script, and zig would build a C library for the trial.
    lines.append("set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)")
    return {
        "name": target.name,
        "compiler": c.compiler,
        "system": "Linux" if target.linux else "Generic",
        "processor": target.machine or target.name,
        "compiler_lines": "\n".join(lines),
        "cpu": " ".join(c.flags),
    }


def _platformio(project: Project) -> str:
    """library.json: PlatformIO's own defaults are src/ and include/."""
    manifest = {
        "name": "edge-ser",
        "version": __version__,
        "description": f"{_DESCRIPTION}, with the model {project.student}",
        "keywords": ["speech", "emotion", "arousal", "valence", "audio"],
        "license": SOFTWARE_LICENCE,
        "authors": [{"name": "The edge-ser developers"}],
        "frameworks": "*",
        "platforms": "*",
        "headers": "edge_ser.h",
        "build": {"flags": ["-ffp-contract=off"]},
    }
    return json.dumps(manifest, indent=2) + "\n"
