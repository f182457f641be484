"""The README of the hand-off, for the firmware engineer who receives it."""

from __future__ import annotations

from pathlib import Path
from string import Template

from firmware_export.tflite_frames import BlockPlan
from firmware_export.tflm.arena_table import ArenaRow, as_markdown
from firmware_export.tflm.comparison import Comparison

_TEMPLATE = Path(__file__).parent / "README.md.template"


def render_readme(
    student: str,
    plan: BlockPlan,
    methods: list[str],
    arena: int,
    arena_note: str,
    rows: list[ArenaRow],
    comparison: Comparison,
) -> str:
    """Markdown.

    Args:
        student: name.
        plan: how a stream is cut.
        methods: of the resolver.
        arena: bytes reserved.
        arena_note: where that number comes from.
        rows: of the table of arenas.
        comparison: with LiteRT's reference kernels.
    """
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        student=student,
        methods=", ".join(f"`{method}`" for method in methods),
        arena=f"{arena:,}",
        arena_note=arena_note,
        frames=plan.frames,
        seconds=f"{plan.seconds:g}",
        context=plan.context,
        shortest=f"{plan.frames * plan.hop_seconds:.3g}",
        table=as_markdown(rows, plan.hop_seconds),
        verified=_verified(comparison),
    )


def _verified(comparison: Comparison) -> str:
    return (
        f"Verified at export: {comparison.runs} runs on the bundle's golden clips, "
        f"{comparison.codes:,} int8 outputs, {comparison.differing} of them other than those of "
        "LiteRT's reference kernels. Optimised kernels of a vendor may round otherwise."
    )
