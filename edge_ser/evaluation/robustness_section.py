"""Robustness on the page: a picture of the shares, then every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.evaluation.plots import shares
from edge_ser.evaluation.scoring import MODEL, RANDOM, TEACHER
from edge_ser.reporting.page import figure, header, table


def robustness_section(robustness: Mapping[str, Any]) -> str:
    """HTML of a report's "robustness": role -> values of its `RobustnessResult`."""
    ours, theirs, chance = (robustness[role]["rows"] for role in (MODEL, TEACHER, RANDOM))
    measured = [index for index, row in enumerate(ours) if not row["missing"]]
    picture = shares(
        [ours[index]["name"] for index in measured],
        [_unchanged(ours[index]) for index in measured],
        [_unchanged(theirs[index]) for index in measured],
        [ours[index]["minimum_unchanged"] for index in measured],
    )
    rows = [_row(*trio) for trio in zip(ours, theirs, chance, strict=True)]
    columns = [f"{who} {name[0].upper()}" for who in (MODEL, TEACHER, RANDOM)
               for name in DIMENSIONS]  # fmt: skip
    changes = [f"ΔCCC {name[0].upper()}" for name in DIMENSIONS]
    head = header("", "asked", *columns, *changes, "published arousal")
    return (
        "<h2>Robustness: predictions that move by less than .05</h2>"
        '<p class="soft">Bars: the model; dots: its teacher; ticks: what the suite asks. The '
        "published figures are of large models on other corpora.</p>"
        + figure("share unchanged", picture)
        + table(head, rows)
    )


def _unchanged(row: Mapping[str, Any]) -> list[float]:
    return [row["figures"][name]["unchanged"] for name in DIMENSIONS]


def _row(ours: Mapping[str, Any], theirs: Mapping[str, Any], chance: Mapping[str, Any]) -> str:
    name = f'<td title="{escape(ours["description"])}">{escape(ours["name"])}</td>'
    if ours["missing"]:
        return f'<tr>{name}<td colspan="14">not measured: {escape(ours["missing"])}</td></tr>'
    cells = [
        f"<td{_miss(row, dimension)}>{row['figures'][dimension]['unchanged']:.2f}</td>"
        for row in (ours, theirs, chance)
        for dimension in DIMENSIONS
    ]
    changes = [_change(ours["figures"][dimension]["delta_ccc"]) for dimension in DIMENSIONS]
    published = "; ".join(
        f"{entry['model']} {_values(entry['unchanged']['arousal'])}" for entry in ours["published"]
    )
    asked = f"<td>{ours['minimum_unchanged']:.2f}</td>"
    return f"<tr>{name}{asked}{''.join(cells)}{''.join(changes)}<td>{escape(published)}</td></tr>"


def _miss(row: Mapping[str, Any], dimension: str) -> str:
    return "" if row["figures"][dimension]["passed"] else ' class="miss"'


def _change(value: float | None) -> str:
    return "<td>–</td>" if value is None else f"<td>{value:+.3f}</td>"


def _values(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"
