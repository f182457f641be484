"""Robustness on the page: a picture of the shares, then every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.evaluation.robustness.measure import LOWEST_DELTA_CCC
from edge_ser.evaluation.scoring import MODEL, RANDOM, TEACHER
from edge_ser.reporting.page import figure, header, table
from edge_ser.reporting.svg import pictures_can_be_drawn


def robustness_section(robustness: Mapping[str, Any], delta_ccc_to: Mapping[str, str]) -> str:
    """HTML of a report's robustness.

    Args:
        robustness: role -> values of its `RobustnessResult`.
        delta_ccc_to: dimension -> what the CCC is taken against, "labels" or "teacher".
    """
    ours, theirs, chance = (robustness[role]["rows"] for role in (MODEL, TEACHER, RANDOM))
    models = _published_models(ours)
    rows = [_row(trio, models) for trio in zip(ours, theirs, chance, strict=True)]
    return (
        "<h2>Robustness: predictions that move by less than .05</h2>"
        f'<p class="soft">ΔCCC is taken {_references(delta_ccc_to)}. The published figures were '
        "measured on other corpora, with other noises and rooms: they say what is usual.</p>"
        + _picture(ours, theirs)
        + table(header(*_columns(models)), rows)
    )


def _references(delta_ccc_to: Mapping[str, str]) -> str:
    words = {"labels": "against people's labels", "teacher": "against the teacher's answers to the "
             "clips as they are"}  # fmt: skip
    parts = [
        f"{words[kind]} ({', '.join(name for name in DIMENSIONS if delta_ccc_to[name] == kind)})"
        for kind in words
        if kind in delta_ccc_to.values()
    ]
    return " and ".join(parts)


def _picture(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> str:
    measured = [pair for pair in zip(ours, theirs, strict=True) if not pair[0]["missing"]]
    if not measured or not pictures_can_be_drawn():
        return ""
    from edge_ser.evaluation.plots import shares

    svg = shares(
        [row["name"] for row, _ in measured],
        [_unchanged(row) for row, _ in measured],
        [_unchanged(row) for _, row in measured],
        [row["minimum_unchanged"] for row, _ in measured],
    )
    return figure("share unchanged: model (bars), teacher (dots), asked (ticks)", svg)


def _columns(models: Sequence[str]) -> list[str]:
    letters = [name[0].upper() for name in DIMENSIONS]
    shares_of = [f"{who} {letter}" for who in (MODEL, TEACHER, RANDOM, *models)
                 for letter in letters]  # fmt: skip
    changes = [f"ΔCCC {letter}" for letter in letters]
    return ["", "asked", *shares_of, *changes]


def _published_models(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(entry["model"] for row in rows for entry in row["published"]))


def _unchanged(row: Mapping[str, Any]) -> list[float]:
    return [row["figures"][name]["unchanged"] for name in DIMENSIONS]


def _row(trio: Sequence[Mapping[str, Any]], models: Sequence[str]) -> str:
    ours = trio[0]
    name = f'<td title="{escape(ours["description"])}">{escape(ours["name"])}</td>'
    if ours["missing"]:
        width = len(_columns(models)) - 1
        reason = f"not measured: {escape(ours['missing'])}"
        return f'<tr>{name}<td class="name" colspan="{width}">{reason}</td></tr>'
    shares_of = [_share(row["figures"][dimension], row["minimum_unchanged"])
                 for row in trio for dimension in DIMENSIONS]  # fmt: skip
    known = {entry["model"]: entry["unchanged"] for entry in ours["published"]}
    published = [f"<td>{_span(known.get(model, {}).get(dimension))}</td>"
                 for model in models for dimension in DIMENSIONS]  # fmt: skip
    changes = [_change(ours["figures"][dimension]["delta_ccc"]) for dimension in DIMENSIONS]
    asked = f"<td>{ours['minimum_unchanged']:.2f}</td>"
    return f"<tr>{name}{asked}{''.join((*shares_of, *published, *changes))}</tr>"


def _share(figures: Mapping[str, Any], minimum: float) -> str:
    kind = ' class="miss"' if figures["unchanged"] < minimum else ""
    return f"<td{kind}>{figures['unchanged']:.2f}</td>"


def _change(value: float | None) -> str:
    if value is None:
        return "<td>–</td>"
    kind = "" if value > LOWEST_DELTA_CCC else ' class="miss"'
    return f"<td{kind}>{value:+.3f}</td>"


def _span(values: Sequence[float] | None) -> str:
    if not values:
        return "–"
    low, high = min(values), max(values)
    return f"{low:.2f}" if low == high else f"{low:.2f}–{high:.2f}"
