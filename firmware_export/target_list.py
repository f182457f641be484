"""The table of `edge-ser export --list-targets`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from firmware_export.c_engine.layout import LAYOUTS
from firmware_export.extras import EXTRAS
from firmware_export.target import CBuild, Target

_WIDTH = 100
_INDENT = 16


def render(targets: Iterable[Target]) -> str:
    """One paragraph per target: what it is, gets, runs with, has to suffice, and who verified it.

    Args:
        targets: in the order to show.
    """
    return "\n\n".join(_paragraph(target) for target in targets)


def _paragraph(target: Target) -> str:
    rows = {
        "gets": "; ".join(gets(target)),
        "runtime": "; ".join(runtimes(target)),
        "memory": _memory(target),
        "verified here": ", ".join(target.emulated) or target.tested or "not verified here",
        "note": target.note,
    }
    lines = [f"{target.name:<{_INDENT}}{target.title}"]
    for label, text in rows.items():
        if text:
            lines.append(_wrapped(f"  {label}", text))
    return "\n".join(lines)


def _wrapped(label: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=f"{label:<{_INDENT}} ",
        subsequent_indent=" " * (_INDENT + 1),
        break_on_hyphens=False,
        break_long_words=False,
    )


def gets(target: Target) -> list[str]:
    """What is in its bundle besides models and golden vectors."""
    parts = []
    if target.installer:
        parts.append("run/ (wheel, installer, service)")
    if target.c:
        parts.append("c/ (C99 sources, CMake, Make, Arduino, PlatformIO, ESP-IDF)")
        parts.append("static library")
    if target.c and target.linux:
        parts.append("edge-ser-live (static binary)")
    if target.demo:
        parts.append("demo firmware")
    if target.extra:
        parts.append(EXTRAS[target.extra].gets)
    return parts


def runtimes(target: Target) -> list[str]:
    """What computes there."""
    engine = [_engine(target.c)] if target.c else []
    extra = [EXTRAS[target.extra].runtime] if target.extra else []
    return [*target.engines, *engine, *extra]


def _engine(c: CBuild) -> str:
    return f"C engine ({LAYOUTS[c.layout].name} layout, {c.frontend} front-end)"


def _memory(target: Target) -> str:
    if not target.chip:
        return ""
    chip = target.chip
    return f"{chip.flash // 1024:,} KiB flash, {chip.ram // 1024:,} KiB RAM ({chip.name})"
