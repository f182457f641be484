"""The same figures for each speaker and each sex: whom does the model serve worse?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.audio.corpus import Clip
from edge_ser.evaluation.consistency import EXPECTED
from edge_ser.evaluation.discrimination import PAIRS, pair_auc
from edge_ser.metrics import ccc

LARGEST_DIFFERENCE = 0.075
"""Between sexes, in mean prediction or CCC, before it is flagged: our own limit."""

_FEWEST = 5
"""Clips that a group's CCC needs at least."""

_SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}


def sexes_of(clips: Sequence[Clip]) -> list[str]:
    """Of each clip: female, male, another word of the manifest's `sex` or `gender`, or nothing."""
    stated = (clip.fields.get("sex") or clip.fields.get("gender") or "" for clip in clips)
    return [_SEXES.get(sex.strip().lower(), sex.strip()) for sex in stated]


def breakdown(
    predictions: NDArray[np.float32],
    groups: Sequence[str],
    emotions: Sequence[str],
    reference: NDArray[np.floating[Any]] | None,
) -> list[dict[str, Any]]:
    """Figures of each group, sorted by its name; clips of the group "" are left out.

    Args:
        predictions: (clips, 3) A/D/V.
        groups: (clips,) a speaker or a sex.
        emotions: (clips,), "" where unknown.
        reference: (clips, 3) labels or a teacher's answers, NaN where there is none.

    Returns:
        Rows {"group", "clips", "mean": {dimension: value}, "share_in_range": {dimension: value},
        "ccc": {dimension: value}, "auc": mean over the pairs whose emotions both occur}; what a
        group's clips do not give is absent or None.
    """
    labels, members = np.array(emotions), np.array(groups)
    return [
        _figures(
            str(group),
            predictions[members == group],
            labels[members == group],
            None if reference is None else reference[members == group],
        )
        for group in np.unique(members)
        if group
    ]


def _figures(
    group: str,
    predictions: NDArray[np.float32],
    emotions: NDArray[np.str_],
    reference: NDArray[np.floating[Any]] | None,
) -> dict[str, Any]:
    means = predictions.mean(axis=0)
    return {
        "group": group,
        "clips": len(predictions),
        "mean": {name: round(float(means[axis]), 4) for axis, name in enumerate(DIMENSIONS)},
        "share_in_range": _shares(predictions, emotions),
        "ccc": {} if reference is None else _agreement(predictions, reference),
        "auc": _mean_auc(predictions, emotions),
    }


def _shares(
    predictions: NDArray[np.float32], emotions: NDArray[np.str_]
) -> dict[str, float | None]:
    """Of the clips that are expected somewhere on a dimension, how many lie there."""
    shares: dict[str, float | None] = {}
    for axis, dimension in enumerate(DIMENSIONS):
        inside = [
            where.holds(predictions[emotions == emotion, axis])
            for emotion, where in EXPECTED[dimension].items()
        ]
        hits = np.concatenate(inside)
        shares[dimension] = round(float(hits.mean()), 4) if len(hits) else None
    return shares


def _agreement(
    predictions: NDArray[np.float32], reference: NDArray[np.floating[Any]]
) -> dict[str, float]:
    figures = {}
    for axis, dimension in enumerate(DIMENSIONS):
        known = ~np.isnan(reference[:, axis])
        if known.sum() >= _FEWEST:
            truth, ours = reference[known, axis], predictions[known, axis]
            figures[dimension] = round(ccc(truth, ours), 4)
    return figures


def _mean_auc(predictions: NDArray[np.float32], emotions: NDArray[np.str_]) -> float | None:
    values = [pair_auc(pair, predictions, emotions) for pair in PAIRS]
    known = [value for value in values if not np.isnan(value)]
    return round(float(np.mean(known)), 4) if known else None


@dataclass(frozen=True)
class Difference:
    """Between the groups that score highest and lowest in one figure.

    Attributes:
        what: the figure, e.g. "mean prediction of arousal".
        high, low: (group, value).
    """

    what: str
    high: tuple[str, float]
    low: tuple[str, float]

    @property
    def size(self) -> float:
        """High minus low."""
        return self.high[1] - self.low[1]

    @property
    def flagged(self) -> bool:
        """Whether it is more than `LARGEST_DIFFERENCE`."""
        return self.size > LARGEST_DIFFERENCE

    def __str__(self) -> str:
        (high, most), (low, least) = self.high, self.low
        return (
            f"{self.what}: {high} {most:.3f}, {low} {least:.3f} "
            f"(difference {self.size:.3f} > {LARGEST_DIFFERENCE:g})"
        )


def differences(rows: Sequence[dict[str, Any]]) -> list[Difference]:
    """Of every mean prediction and CCC that two groups or more have.

    A difference of means may also come from what the groups say, so it is something to look at,
    not a proof of unfairness.
    """
    found = []
    for key, words in (("mean", "mean prediction"), ("ccc", "CCC")):
        for dimension in DIMENSIONS:
            values = {row["group"]: row[key][dimension] for row in rows if dimension in row[key]}
            if len(values) < 2:
                continue
            low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
            what = f"{words} of {dimension}"
            found.append(Difference(what, (high, values[high]), (low, values[low])))
    return found
