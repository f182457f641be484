"""The README of a hand-off, for a firmware engineer: this bundle's numbers in a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_ser import DIMENSIONS
from edge_ser.bundle.manifest import CEngineInfo, Figure, Manifest
from firmware_export.c_handoff.binaries import LIBRARY, PREBUILT
from firmware_export.c_handoff.build_files import program_of, run_command
from firmware_export.c_handoff.readings import TimedReading
from firmware_export.c_handoff.templating import fill
from firmware_export.c_handoff.tree import DEMO_CLIP, DEMO_SECONDS
from firmware_export.provenance import SOFTWARE_LICENCE
from firmware_export.target import Demo, Target
from firmware_export.targets import BACKBONE_TFLITE
from firmware_export.toolchains import find_compiler

_UNKNOWN = "not known: exported without binaries"

_FRONTENDS = {"float": "float32", "fixed": "fixed point"}


@dataclass(frozen=True)
class ReadmeFacts:
    """What the README is filled with.

    Attributes:
        target: the hand-off's.
        manifest: of the bundle, for student, version and cost.
        info: of the engine.
        memory: figures of the footprint; empty where nothing was built.
        demo: what the program says of its sound (see tree.py); empty where nothing was built.
    """

    target: Target
    manifest: Manifest
    info: CEngineInfo
    memory: Mapping[str, Figure]
    demo: Sequence[TimedReading]


def render_readme(facts: ReadmeFacts) -> str:
    """Markdown."""
    manifest, info = facts.manifest, facts.info
    buffer = facts.memory.get("c_buffer")
    values = {
        "student": manifest.name,
        "title": facts.target.title,
        "name": facts.target.name,
        "version": manifest.version,
        "sha256": manifest.files[BACKBONE_TFLITE].sha256,
        "numbers": _numbers(facts),
        "buffer_bytes": str(round(buffer.value)) if buffer else "65536",
        "window": f"{info.window_seconds:g}",
        "block": f"{info.block_seconds:g}",
        "first": f"{info.first_seconds:g}",
        "running": _running(facts).rstrip(),
        "library": _library(facts),
        "frontend_words": f"{_FRONTENDS[info.frontend]}",
        "readings": _table(info.readings),
        "licence": SOFTWARE_LICENCE,
    }
    return fill("README.md", values)


def _numbers(facts: ReadmeFacts) -> str:
    info, memory = facts.info, facts.memory
    per_second = facts.manifest.student.macs_per_5s / 5e6
    rows = []
    if "c_buffer" in memory:
        rows.append(f"| RAM | {memory['c_buffer'].value:,.0f} bytes, window included |")
    if "c_stack" in memory:
        rows.append(
            f"| stack | {memory['c_stack'].value:,.0f} bytes at the deepest, from the call graph; "
            "the compiler's own routines come on top (the demo prints what was used) |"
        )
    if "c_flash" in memory:
        rows.append(
            f"| flash | {memory['c_flash'].value:,.0f} bytes, code and weights: everything that "
            "the API needs |"
        )
    if not memory:
        rows.append(f"| RAM, flash | {_UNKNOWN} |")
    rows += [
        f"| window | {info.window_seconds:g} s in blocks of {info.block_seconds:g} s |",
        f"| front-end | {_FRONTENDS[info.frontend]} |",
        f"| kernels | {info.kernels or 'not built'}, weights in the layout {info.layout} |",
        f"| arithmetic | about {per_second:.0f} million multiply-accumulates per second of sound "
        "(at most); `edge-ser device-test` counts instructions |",
    ]
    if info.compiler:
        rows.append(f"| built with | {info.compiler}, `{' '.join(info.flags)}` |")
    return "\n".join(rows)


def _running(facts: ReadmeFacts) -> str:
    target = facts.target
    expected = "\n".join(f"    {_line(reading)}" for reading in facts.demo)
    values = {
        "name": target.name,
        "clip": DEMO_CLIP,
        "seconds": f"{DEMO_SECONDS:g}",
        "program": program_of(target),
        "expected": expected or f"    {_UNKNOWN}",
        "native": "-march=native" if target.machine == "x86_64" else "-mcpu=native",
    }
    if target.demo is None:
        return fill("running_linux.md", values)
    values["packages"] = " ".join(_packages(target, target.demo))
    values["run"] = run_command(target.demo, f"{PREBUILT}/{program_of(target)}")
    return fill("running_qemu.md" if target.demo.emulator else "running_board.md", values)


def _packages(target: Target, demo: Demo) -> list[str]:
    assert target.c is not None
    emulator = [demo.package] if demo.package else []
    return [*find_compiler(target.c.compiler).packages, *emulator]


def _library(facts: ReadmeFacts) -> str:
    if facts.info.compiler is None:
        return "This bundle has sources only."
    return (
        f"`{PREBUILT}/{LIBRARY}` is the library as `make` builds it; the same compiler gives the "
        "same\nbytes."
    )


def _line(reading: TimedReading) -> str:
    """As the demo prints it."""
    values = zip(DIMENSIONS, map(_thousandths, reading.adv), strict=True)
    return f"{reading.seconds:.3f} s" + "".join(f"  {name} {value}" for name, value in values)


def _thousandths(value: float) -> str:
    """Rounded in float32, as the demo does it."""
    scaled = np.float32(value) * np.float32(1000)
    whole = int(scaled + np.float32(-0.5 if value < 0 else 0.5))
    return f"{'-' if whole < 0 else ''}{abs(whole) // 1000}.{abs(whole) % 1000:03}"


def _table(readings: Mapping[str, tuple[float, float, float]]) -> str:
    if not readings:
        return f"| {_UNKNOWN} | | | |"
    return "\n".join(
        f"| {name} | {' | '.join(f'{value:.6f}' for value in adv)} |"
        for name, adv in sorted(readings.items())
    )
