"""Arena against frames per run, for choosing a block.

A long block needs memory, a short one repeats more of the context's work.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_ser.bundle import Bundle
from edge_ser.runtime.tables import read_tables
from firmware_export import tflite_file
from firmware_export.targets import BACKBONE_TFLITE
from firmware_export.tflite_frames import BlockPlan, with_frames
from firmware_export.tflm.interpreter import Arena, measure_arena
from firmware_export.tflm.model_source import interface_of

SECONDS = (0.1, 0.25, 0.5, 1.0)
"""New audio per run."""


@dataclass(frozen=True)
class ArenaRow:
    """One number of frames per run.

    Attributes:
        frames: per run.
        advance: new ones among them; 0 where the run is not part of a stream.
        arena: measured.
    """

    frames: int
    advance: int
    arena: Arena


def arena_table(bundle: Bundle) -> list[ArenaRow]:
    """Rows for the file's own number of frames, several blocks, and a whole window at once.

    Raises:
        EnvironmentMissing: tflite-micro is not installed.
    """
    original = bundle.read(BACKBONE_TFLITE)
    tables = read_tables(bundle)
    spec = tables.frontend
    own = interface_of(tflite_file.parse(original)).frames
    window = spec.frames(round(bundle.manifest.window_seconds * spec.sample_rate))
    plans = [BlockPlan.of(tables, seconds) for seconds in SECONDS]
    lengths = [(own, 0), *((plan.frames, plan.advance) for plan in plans), (window, 0)]
    return [
        ArenaRow(frames, advance, measure_arena(with_frames(original, frames)))
        for frames, advance in lengths
    ]


def as_markdown(rows: list[ArenaRow], hop_seconds: float) -> str:
    """The table of the README."""
    lines = [
        "| rows per run | new audio | arena, bytes | of it activations | work per new row |",
        "|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        new = f"{row.advance * hop_seconds:g} s" if row.advance else "(no stream)"
        work = f"{row.frames / row.advance:.2f}x" if row.advance else ""
        lines.append(
            f"| {row.frames} | {new} | {row.arena.total:,} | {row.arena.activations:,} | {work} |"
        )
    return "\n".join(lines)
