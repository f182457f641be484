"""The evaluation as one HTML page; every figure comes from the report, layout is decided here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.evaluation.consistency import LEAST_SHARE, PUBLISHED
from edge_ser.evaluation.figures import Predictions
from edge_ser.evaluation.scoring import MODEL, RANDOM, TEACHER
from edge_ser.evaluation.verdicts import random_passes
from edge_ser.reporting.page import bullets, document, figure, header, table
from edge_ser.reporting.svg import pictures_can_be_drawn

_ROLES = (MODEL, TEACHER, RANDOM)

_MOST_GROUPS = 100
"""Speakers in the table: the page of a large corpus must stay light."""


def render(
    report: Mapping[str, Any],
    title: str,
    predictions: Mapping[str, Predictions],
    emotions: Sequence[str],
) -> str:
    """The page of a report.

    Args:
        report: of `suite_report`, with "gates" and "comparison" where there are any.
        title: plain text.
        predictions: role -> (clips, 3), for the pictures.
        emotions: (clips,).
    """
    sections = (
        _verdict(report),
        _measured(report),
        _agreement(report),
        _labels(report),
        _order(report),
        _consistency(report),
        _classes(predictions[MODEL], emotions),
        _groups(report),
        _robustness(report),
        _chance(report),
        _comparison(report),
        _reading(),
    )
    return document(title, sections, "evaluate")


def _verdict(report: Mapping[str, Any]) -> str:
    gates = report.get("gates")
    if gates is None:
        return ""
    word, kind = ("PASS", "pass") if not gates["failures"] else ("FAIL", "fail")
    judged = f"<p>{len(gates['judged'])} gates were judged.</p>"
    failed = bullets(gates["failures"])
    return f'<div class="verdict {kind}"><strong>{word}</strong>{judged}{failed}</div>'


def _measured(report: Mapping[str, Any]) -> str:
    facts = report.get("measured", {})
    rows = "".join(
        f"<dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd>" for key, value in facts.items()
    )
    return f"<h2>What was measured, on what</h2><dl>{rows}</dl>"


def _agreement(report: Mapping[str, Any]) -> str:
    chance = report["figures"][RANDOM]
    rows = [
        f"<tr><td>{name}</td>{_interval(row['ccc'])}<td>{row['pcc']:.3f}</td>"
        f"<td>{row['mae']:.3f}</td><td>{_number(chance[f'to_teacher.{name}.ccc'])}</td>"
        f"<td>{_number(chance[f'to_teacher.{name}.mae'])}</td></tr>"
        for name, row in report["to_teacher"].items()
    ]
    head = header("", "CCC", "95 % interval", "PCC", "MAE", f"CCC, {RANDOM}", f"MAE, {RANDOM}")
    return f"<h2>Agreement with the teacher</h2>{table(head, rows)}"


def _labels(report: Mapping[str, Any]) -> str:
    if "labels" not in report:
        return ""
    rows = [
        f"<tr><td>{name}, {role}</td><td>{row['clips']}</td>{_interval(row['ccc'])}"
        f"<td>{row['pcc']:.3f}</td><td>{row['mae']:.3f}</td></tr>"
        for name in DIMENSIONS
        for role in _ROLES
        if (row := report["labels"].get(role, {}).get(name)) is not None
    ]
    head = header("", "clips", "CCC", "95 % interval", "PCC", "MAE")
    return f"<h2>Against human labels</h2>{table(head, rows)}"


def _order(report: Mapping[str, Any]) -> str:
    names = [name for name in report["figures"][MODEL] if name.startswith("auc.")]
    if not names:
        return ""
    rows = [_auc_row(report, name.removeprefix("auc.")) for name in names]
    head = header("AUC", MODEL, "95 % interval", TEACHER, "95 % interval", RANDOM)
    return (
        "<h2>Does it order emotions as people do?</h2>"
        '<p class="soft">Chance is 0.5. Intervals are there where all five pairs are.</p>'
        + table(head, rows)
    )


def _auc_row(report: Mapping[str, Any], pair: str) -> str:
    known = [report.get(f"auc_{role}", {}).get(pair) for role in (MODEL, TEACHER)]
    chance = f"<td>{_number(report['figures'][RANDOM][f'auc.{pair}'])}</td>"
    cells = [
        f"<td>{_number(report['figures'][role][f'auc.{pair}'])}</td><td></td>"
        if row is None
        else _interval(row)
        for role, row in zip((MODEL, TEACHER), known, strict=True)
    ]
    return f"<tr><td>{escape(pair)}</td>{''.join(cells)}{chance}</tr>"


def _consistency(report: Mapping[str, Any]) -> str:
    if "consistency" not in report:
        return ""
    others = [
        {(row["dimension"], row["emotion"], row["range"]): row["share"]["value"] for row in rows}
        for role, rows in report["consistency"].items()
        if role in (TEACHER, RANDOM)
    ]
    rows = []
    for row in report["consistency"][MODEL]:
        key = (row["dimension"], row["emotion"])
        missed = "" if row["passed"] else ' class="miss"'
        beside = "".join(f"<td>{_number(other.get((*key, row['range'])))}</td>" for other in others)
        published = "".join(f"<td>{_number(shares.get(key))}</td>" for shares in PUBLISHED.values())
        name = f"{row['dimension']} {row['range']}: {row['emotion']}"
        low, high = row["share"]["low"], row["share"]["high"]
        rows.append(
            f"<tr><td>{escape(name)}</td><td>{row['clips']}</td>"
            f"<td{missed}>{row['share']['value']:.2f}</td><td>[{low:.2f}, {high:.2f}]</td>"
            f"{beside}{published}</tr>"
        )
    head = header("", "clips", MODEL, "95 % interval", TEACHER, RANDOM, *PUBLISHED)
    return (
        "<h2>Consistency: the share of clips where their emotion belongs</h2>"
        f'<p class="soft">At least {LEAST_SHARE:g} is asked. The published columns are of EMO-DB, '
        f"all classes; a dash where nothing is published.</p>{table(head, rows)}"
    )


def _classes(predictions: Predictions, emotions: Sequence[str]) -> str:
    if not any(emotions) or not pictures_can_be_drawn():
        return ""
    from edge_ser.evaluation.plots import classes

    panels = "".join(
        figure(name, classes(predictions[:, axis], emotions, name))
        for axis, name in enumerate(DIMENSIONS)
    )
    return (
        '<h3>Distributions</h3><p class="soft">Boxes hold half of a class\'s clips; shaded: where '
        f'the class belongs.</p><div class="panels">{panels}</div>'
    )


def _groups(report: Mapping[str, Any]) -> str:
    groups = report["groups"]
    blocks = [
        f"<details><summary>Each {kind} ({len(groups[kind][MODEL])})</summary>"
        f"{_group_table(groups[kind])}</details>"
        for kind in ("sex", "speaker")
        if groups[kind][MODEL]
    ]
    if not blocks:
        return ""
    warned = groups["flags"]
    flagged = (
        f'<div class="warnings"><strong>Between the sexes</strong>{bullets(warned)}'
        "<p>This can also come from what they say or play.</p></div>"
        if warned
        else ""
    )
    return f"<h2>For whom?</h2>{flagged}{''.join(blocks)}{_speakers(groups['speaker'])}"


def _group_table(by_role: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    trios = list(zip(*(by_role[role] for role in _ROLES), strict=True))
    body = [
        _group_row(role, row)
        for trio in trios[:_MOST_GROUPS]
        for role, row in zip(_ROLES, trio, strict=True)
    ]
    columns = [f"{what} {name[0].upper()}" for what in ("mean", "in range", "CCC")
               for name in DIMENSIONS]  # fmt: skip
    left_out = len(trios) - _MOST_GROUPS
    note = f'<p class="soft">{left_out} more are in the JSON.</p>' if left_out > 0 else ""
    return table(header("", "", "clips", *columns, "AUC"), body) + note


def _group_row(role: str, row: Mapping[str, Any]) -> str:
    values = [row[key].get(name) for key in ("mean", "share_in_range", "ccc")
              for name in DIMENSIONS]  # fmt: skip
    cells = "".join(f"<td>{_number(value)}</td>" for value in (*values, row["auc"]))
    return f"<tr><td>{escape(row['group'])}</td><td>{role}</td><td>{row['clips']}</td>{cells}</tr>"


def _speakers(by_role: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    if len(by_role[MODEL]) < 2 or not pictures_can_be_drawn():
        return ""
    from edge_ser.evaluation.plots import speakers

    panels = "".join(
        figure(f"{name} by speaker", speakers(by_role[MODEL], by_role[TEACHER], name))
        for name in DIMENSIONS
    )
    return (
        "<p class=\"soft\">Each speaker's mean prediction: the model's large, its teacher's small; "
        f'the line is the mean of all.</p><div class="panels">{panels}</div>'
    )


def _robustness(report: Mapping[str, Any]) -> str:
    if "robustness" not in report:
        return ""
    from edge_ser.evaluation.robustness_section import robustness_section

    return robustness_section(report["robustness"], report["delta_ccc_to"])


def _chance(report: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(part)}</td><td>{passed}</td><td>{made}</td></tr>"
        for part, (passed, made) in random_passes(report).items()
    ]
    if not rows:
        return ""
    return (
        "<h2>What a random model passes</h2>"
        '<p class="soft">Tests that it passes cannot tell a good model from none.</p>'
        + table(header("", "passed", "of"), rows)
    )


def _comparison(report: Mapping[str, Any]) -> str:
    if "comparison" not in report:
        return ""
    rows = [
        f"<tr><td>{escape(name)}</td><td>{_number(row['first'])}</td>"
        f"<td>{_number(row['second'])}</td><td>{row['difference']:+.3f}</td>"
        f"<td>[{row['low']:+.3f}, {row['high']:+.3f}]</td></tr>"
        for name, row in report["comparison"]["figures"].items()
    ]
    other = escape(report["comparison"]["other"])
    head = header("", "model", "other", "difference", "95 % interval")
    return (
        f"<h2>Against {other}</h2>"
        '<p class="soft">Paired over resampled speakers: an interval without 0 tells the two '
        f"apart.</p>{table(head, rows)}"
    )


def _reading() -> str:
    return (
        "<h2>How to read this</h2><ul>"
        "<li>Read correctness first. A model that answers at random passes many tests that only "
        "ask for equal treatment or for an unchanged CCC; its column shows which.</li>"
        "<li>CCC (concordance) is 1 for identical values; unlike PCC it also falls for an offset "
        "or a wrong spread.</li>"
        "<li>Intervals hold 95 % of the figures of resampled speakers: few speakers, wide "
        "intervals.</li></ul>"
    )


def _interval(figure_of: Mapping[str, float]) -> str:
    value, low, high = (figure_of[key] for key in ("value", "low", "high"))
    return f"<td>{value:.3f}</td><td>[{low:.3f}, {high:.3f}]</td>"


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"
