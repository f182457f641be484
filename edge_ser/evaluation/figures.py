"""All correctness figures of a model as one flat table, of any subset of the clips.

Gates name figures of this table, and a comparison of two models resamples it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.evaluation.consistency import EXPECTED, HIGH, LOW, NEUTRAL
from edge_ser.evaluation.discrimination import PAIRS, pair_auc
from edge_ser.evaluation.labels import FEWEST
from edge_ser.metrics import ccc, mae

Predictions = NDArray[np.float32]
"""(clips, 3) A/D/V."""


@dataclass(frozen=True)
class Truth:
    """What predictions are held against, per clip.

    Attributes:
        emotions: (clips,), "" where unknown.
        speakers: (clips,), each clip its own where unknown.
        sexes: (clips,), "" where unknown.
        labels: (clips, 3) human A/D/V in 0..1, NaN where there are none; None without any.
        teacher: (clips, 3) the teacher's A/D/V.
    """

    emotions: Sequence[str]
    speakers: Sequence[str]
    sexes: Sequence[str]
    labels: NDArray[np.float64] | None
    teacher: Predictions

    @cached_property
    def classes(self) -> NDArray[np.str_]:
        """The emotions as an array."""
        return np.array(self.emotions)

    @cached_property
    def voices(self) -> NDArray[np.str_]:
        """The speakers as an array."""
        return np.array(self.speakers)


def figures_on(
    predictions: Predictions, truth: Truth, rows: NDArray[np.intp] | None = None
) -> dict[str, float]:
    """Name -> value of everything that these clips let us compute, NaN where a draw lacks it.

    Names: `to_teacher.arousal.ccc`, `to_teacher.arousal.mae`, `labels.arousal.ccc`,
    `labels.arousal.mae`, `auc.anger>sadness (arousal)`, `auc.mean`, `consistency.arousal.high`
    (share of the clips expected high on arousal that are), `.low`, `.neutral`.

    Args:
        predictions: (clips, 3) A/D/V.
        truth: of the same clips.
        rows: of a subset, possibly with repetitions; all by default.
    """
    chosen = np.arange(len(predictions)) if rows is None else rows
    ours, classes = predictions[chosen], truth.classes[chosen]
    figures = _agreement("to_teacher", ours, truth.teacher, chosen)
    if truth.labels is not None:
        figures |= _agreement("labels", ours, truth.labels, chosen)
    return figures | _aucs(ours, classes, truth.classes) | _shares(ours, classes, truth.classes)


def _agreement(
    name: str, ours: Predictions, reference: NDArray[Any], rows: NDArray[np.intp]
) -> dict[str, float]:
    """Of the dimensions that all clips together have enough references for."""
    figures = {}
    for axis, dimension in enumerate(DIMENSIONS):
        if (~np.isnan(reference[:, axis])).sum() < FEWEST:
            continue
        drawn = reference[rows, axis]
        known = ~np.isnan(drawn)
        enough = known.sum() >= FEWEST
        truth, values = drawn[known], ours[known, axis]
        figures[f"{name}.{dimension}.ccc"] = ccc(truth, values) if enough else np.nan
        figures[f"{name}.{dimension}.mae"] = mae(truth, values) if enough else np.nan
    return figures


def _aucs(
    ours: Predictions, classes: NDArray[np.str_], all_classes: NDArray[np.str_]
) -> dict[str, float]:
    present = set(all_classes)
    pairs = [pair for pair in PAIRS if {pair.higher, pair.lower} <= present]
    figures = {f"auc.{pair.name}": pair_auc(pair, ours, classes) for pair in pairs}
    if len(pairs) == len(PAIRS):
        figures["auc.mean"] = float(np.mean(list(figures.values())))
    return figures


def _shares(
    ours: Predictions, classes: NDArray[np.str_], all_classes: NDArray[np.str_]
) -> dict[str, float]:
    figures = {}
    for axis, dimension in enumerate(DIMENSIONS):
        for wanted in (HIGH, LOW, NEUTRAL):
            members = [name for name, where in EXPECTED[dimension].items() if where is wanted]
            if not np.isin(all_classes, members).any():
                continue
            inside = wanted.holds(ours[np.isin(classes, members), axis])
            name = f"consistency.{dimension}.{wanted.name}"
            figures[name] = float(inside.mean()) if len(inside) else np.nan
    return figures
