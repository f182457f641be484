"""The students' rows as text, Markdown or plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.bench.latency import Timing
from edge_ser.evaluation.discrimination import PAIRS
from edge_ser.students.claim import CLAIM, verdict
from edge_ser.students.table import Row

_NONE = "-"


def cells(rows: Sequence[Row], timings: Mapping[str, Timing]) -> list[list[str]]:
    """Header and one line per student."""
    header = ["student", "parameters", "MMAC/s", "int8 ONNX KB", "int8 TFLite KB"]
    header += [f"CCC {name}" for name in DIMENSIONS]
    header += [f"AUC {pair.name}" for pair in PAIRS]
    header += ["drift"]
    fastest = min((timing.p50_ms for timing in timings.values()), default=0.0)
    if timings:
        header += ["ms per 5 s", "times the fastest"]
    table = [header]
    for row in rows:
        line = [row.student, f"{row.parameters:,}", f"{row.mmac_per_second:.1f}"]
        line += [
            f"{row.int8_bytes[name] / 1000:,.0f}" if name in row.int8_bytes else _NONE
            for name in ("model.int8.onnx", "model.int8.tflite")
        ]
        line += [_value(row.to_teacher, name) for name in DIMENSIONS]
        line += [_value(row.auc, pair.name) for pair in PAIRS]
        line.append({True: "passed", False: "failed", None: _NONE}[row.drift_passed])
        if timings:
            timing = timings.get(row.student)
            line += (
                [f"{timing.p50_ms:.1f}", f"{timing.p50_ms / fastest:.1f}"]
                if timing
                else [_NONE, _NONE]
            )
        table.append(line)
    return table


def _value(figures: Mapping[str, Mapping[str, float]], name: str) -> str:
    return f"{figures[name]['value']:.3f}" if name in figures else _NONE


def as_text(table: list[list[str]]) -> str:
    """One block per student: a table of this width fits no terminal."""
    names, *rows = table
    width = max(map(len, names))
    blocks = []
    for row in rows:
        pairs = zip(names[1:], row[1:], strict=True)
        blocks.append("\n".join([row[0], *(f"  {name:<{width}}  {cell}" for name, cell in pairs)]))
    return "\n".join(blocks)


def as_markdown(table: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [table[0], ["---"] + ["---:"] * (len(table[0]) - 1), *table[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def claim_lines(rows: Sequence[Row]) -> str:
    """The claim and its test."""
    return f"Claim: {CLAIM}\n{verdict(rows)}"


def as_values(
    rows: Sequence[Row], timings: Mapping[str, Timing], machine: str | None
) -> dict[str, Any]:
    """For JSON."""
    return {
        "students": [asdict(row) for row in rows],
        "latency": {name: asdict(timing) for name, timing in timings.items()},
        "machine": machine,
        "claim": CLAIM,
        "verdict": verdict(rows),
    }
