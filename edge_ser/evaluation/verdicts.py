"""What a report amounts to: one flat table for gates, and what chance alone passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_ser.evaluation.breakdown import differences
from edge_ser.evaluation.robustness.measure import LOWEST_DELTA_CCC
from edge_ser.evaluation.scoring import MODEL, RANDOM


def flat_figures(report: Mapping[str, Any]) -> dict[str, float]:
    """Everything that a gate can name: the model's table, and its robustness.

    `robustness.PERTURBATION.DIMENSION` is the share unchanged; `robustness.GROUP.DIMENSION` the
    mean over the group's perturbations, `robustness.GROUP.DIMENSION.lowest` the lowest of them.
    """
    flat = {
        name: float("nan") if value is None else value
        for name, value in report["figures"][MODEL].items()
    }
    robust = report.get("robustness", {}).get(MODEL)
    if robust is None:
        return flat
    for row in robust["rows"]:
        for dimension, figures in row["figures"].items():
            flat[f"robustness.{row['name']}.{dimension}"] = figures["unchanged"]
    for group, dimensions in robust["groups"].items():
        for dimension, summary in dimensions.items():
            flat[f"robustness.{group}.{dimension}"] = summary["mean_unchanged"]
            flat[f"robustness.{group}.{dimension}.lowest"] = summary["lowest_unchanged"]
    return flat


def random_passes(report: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """How many tests the random control passes of those that were made, by part of the suite."""
    passes: dict[str, tuple[int, int]] = {}
    rows = report.get("consistency", {}).get(RANDOM, [])
    if rows:
        passes["consistency"] = (sum(row["passed"] for row in rows), len(rows))
    between = differences(report["groups"]["sex"][RANDOM])
    if between:
        passes["equal treatment of the sexes"] = (
            sum(not each.flagged for each in between),
            len(between),
        )
    robust = report.get("robustness", {}).get(RANDOM)
    if robust:
        made = [figures for row in robust["rows"] for figures in row["figures"].values()]
        passes["robustness, share unchanged"] = (sum(each["passed"] for each in made), len(made))
        judged = [each for each in made if each["delta_ccc"] is not None]
        if judged:
            kept = sum(each["delta_ccc"] > LOWEST_DELTA_CCC for each in judged)
            passes["robustness, CCC kept"] = (kept, len(judged))
    return passes
