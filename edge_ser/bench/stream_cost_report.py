"""What `edge-ser bench --streaming` has measured, as text and as a page."""

from __future__ import annotations

from edge_ser.bench.stream_cost import GOAL, StreamCost, StreamCosts


def as_text(report: StreamCosts) -> str:
    """For a terminal."""
    lines = [
        f"streaming, window {report.window_seconds:g} s, hop {report.hop_seconds:g} s: processor "
        "time per second of audio",
        *(f"  {line}" for line in _context(report)),
        "",
    ]
    rows = _table(report)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join([*lines, *(f"  left out: {line}" for line in report.absent)])


def as_markdown(report: StreamCosts, command: str) -> str:
    """`docs/STREAMING_COST.md`; `command` produced it."""
    head, *rows = _table(report)
    return "\n".join(
        [
            "# What streaming costs",
            "",
            f"Written by `{command}`; do not edit. Processor time of all threads per second of "
            f"audio, window {report.window_seconds:g} s, hop {report.hop_seconds:g} s, audio in "
            f"chunks of 10 ms; medians of {report.rounds} rounds. Every round gives an engine "
            "the same new audio, incrementally and then as whole windows. Compare the ratios, not "
            "the times of different machines.",
            "",
            *(f"- {line}" for line in _context(report)),
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            *(f"- left out: {line}" for line in report.absent),
            "",
        ]
    )


def _context(report: StreamCosts) -> list[str]:
    return [
        f"{report.machine.words}; threads: {report.threads}",
        f"bundle SHA-256 {report.bundle_sha256}",
        *report.machine.caveats,
    ]


def _table(report: StreamCosts) -> list[list[str]]:
    head = ["runtime", "incremental ms", "whole windows with", "ms", "ratio", "90 % above", "goal"]
    return [head] + [
        [
            f"{cost.engine} {cost.version}",
            f"{cost.incremental_ms:.2f}",
            cost.window_artefact,
            f"{cost.window_ms:.2f}",
            f"{cost.ratio:.1f}x",
            f"{cost.lowest:.1f}x",
            _verdict(cost),
        ]
        for cost in report.costs
    ]


def _verdict(cost: StreamCost) -> str:
    if not cost.judged:
        return "not judged: not the engine's default"
    return f"≥ {GOAL:g}x: {'met' if cost.met else 'MISSED'}"
