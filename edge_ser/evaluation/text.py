"""An evaluation on the terminal: the figures that people look for first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.evaluation.scoring import MODEL, RANDOM, TEACHER
from edge_ser.evaluation.verdicts import random_passes

_WIDTH = 32


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report's main tables."""
    yield f"{report['clips']} clips, {report['speakers']} speakers"
    yield from _regression("to the teacher", report["to_teacher"])
    if MODEL in report.get("labels", {}):
        yield from _regression("to the labels", report["labels"][MODEL])
    yield from _order(report)
    yield from _consistency(report)
    yield from (f"  look at: {flag}" for flag in report["groups"]["flags"])
    yield from _robustness(report)
    for part, (passed, made) in random_passes(report).items():
        yield f"  a random model passes {passed} of {made} tests of {part}"
    yield from _comparison(report)
    yield from _gates(report)


def _regression(title: str, rows: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {title:<{_WIDTH}} {'CCC':>7} {'95 % interval':>18} {'PCC':>7} {'MAE':>7}"
    for name, row in rows.items():
        yield (
            f"  {name:<{_WIDTH}} {row['ccc']['value']:>7.3f} {_interval(row['ccc']):>18} "
            f"{row['pcc']:>7.3f} {row['mae']:>7.3f}"
        )


def _order(report: Mapping[str, Any]) -> Iterator[str]:
    if "auc_model" not in report:
        return
    yield f"  {'AUC':<{_WIDTH}} {'model':>7} {'95 % interval':>18} {'teacher':>7}"
    for name, row in report["auc_model"].items():
        teacher = report["auc_teacher"][name]["value"]
        yield f"  {name:<{_WIDTH}} {row['value']:>7.3f} {_interval(row):>18} {teacher:>7.3f}"


def _consistency(report: Mapping[str, Any]) -> Iterator[str]:
    figures = report["figures"]
    names = [name for name in figures[MODEL] if name.startswith("consistency.")]
    if not names:
        return
    yield f"  {'share in the expected range':<{_WIDTH}} {'model':>7} {'teacher':>18} {'random':>7}"
    for name in names:
        ours, theirs, chance = (
            figures.get(role, {}).get(name) for role in (MODEL, TEACHER, RANDOM)
        )
        label = name.removeprefix("consistency.").replace(".", ", ")
        yield f"  {label:<{_WIDTH}} {_share(ours):>7} {_share(theirs):>18} {_share(chance):>7}"


def _robustness(report: Mapping[str, Any]) -> Iterator[str]:
    if "robustness" not in report:
        return
    rows = report["robustness"][MODEL]["rows"]
    yield f"  {'share of predictions unchanged':<{_WIDTH}} {'A':>7} {'D':>7} {'V':>7} {'asked':>7}"
    for row in rows:
        if row["missing"]:
            yield f"  {row['name']:<{_WIDTH}} not measured: {row['missing']}"
            continue
        cells = " ".join(f"{row['figures'][name]['unchanged']:>7.2f}" for name in DIMENSIONS)
        failed = [name for name in DIMENSIONS if not row["figures"][name]["passed"]]
        missed = f"  missed: {', '.join(failed)}" if failed else ""
        yield f"  {row['name']:<{_WIDTH}} {cells} {row['minimum_unchanged']:>7.2f}{missed}"


def _gates(report: Mapping[str, Any]) -> Iterator[str]:
    if "gates" not in report:
        return
    failures = report["gates"]["failures"]
    yield f"{len(report['gates']['judged'])} gates: {'FAILED' if failures else 'passed'}"
    yield from (f"  {failure}" for failure in failures)


def _comparison(report: Mapping[str, Any]) -> Iterator[str]:
    if "comparison" not in report:
        return
    yield f"  {'minus ' + report['comparison']['other']:<{_WIDTH}} {'by':>7} {'95 % interval':>18}"
    for name, row in report["comparison"]["figures"].items():
        yield f"  {name:<{_WIDTH}} {row['difference']:>+7.3f} {_interval(row):>18}"


def _interval(row: Mapping[str, float]) -> str:
    return f"[{row['low']:.3f}, {row['high']:.3f}]"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
