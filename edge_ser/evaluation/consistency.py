"""Consistency: do the clips of an emotion lie where that emotion belongs on each dimension?

Definitions and thresholds of the public test suite for dimensional speech emotion recognition
(audeering/ser-tests): a class is expected low, neutral or high on a dimension, and at least
75 % of its clips should lie in that range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.evaluation.discrimination import with_interval

LEAST_SHARE = 0.75
"""Of a class's clips that must lie in its range."""


@dataclass(frozen=True)
class Range:
    """Where predictions of some classes belong.

    Attributes:
        name: "low", "neutral" or "high".
        lowest, highest: both ends belong to it.
    """

    name: str
    lowest: float
    highest: float

    def holds(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which values lie in it."""
        return (values >= self.lowest) & (values <= self.highest)


LOW = Range("low", -np.inf, 0.45)
NEUTRAL = Range("neutral", 0.3, 0.6)
HIGH = Range("high", 0.55, np.inf)

EXPECTED: dict[str, dict[str, Range]] = {
    "arousal": {
        "anger": HIGH, "fear": HIGH, "surprise": HIGH,
        "boredom": LOW, "sadness": LOW,
        "neutral": NEUTRAL,
    },
    "dominance": {
        "anger": HIGH,
        "fear": LOW, "sadness": LOW,
        "happiness": NEUTRAL, "neutral": NEUTRAL, "surprise": NEUTRAL,
    },
    "valence": {
        "happiness": HIGH,
        "anger": LOW, "disgust": LOW, "fear": LOW, "frustration": LOW, "sadness": LOW,
        "boredom": NEUTRAL, "neutral": NEUTRAL,
    },
}  # fmt: skip
"""dimension -> emotion -> range."""

PUBLISHED: dict[str, dict[tuple[str, str], float]] = {
    "wav2vec2 (large), EMO-DB": {
        ("arousal", "anger"): 1.0, ("arousal", "fear"): 0.94,
        ("arousal", "boredom"): 0.97, ("arousal", "sadness"): 1.0,
        ("arousal", "neutral"): 0.96,
        ("dominance", "anger"): 1.0, ("dominance", "fear"): 0.03, ("dominance", "sadness"): 1.0,
        ("valence", "happiness"): 0.48, ("valence", "anger"): 0.49, ("valence", "disgust"): 0.38,
        ("valence", "fear"): 0.27, ("valence", "sadness"): 0.85,
    },
    "CNN14, EMO-DB": {
        ("arousal", "anger"): 1.0, ("arousal", "fear"): 1.0,
        ("arousal", "boredom"): 0.44, ("arousal", "sadness"): 0.96,
        ("valence", "happiness"): 0.0,
    },
}  # fmt: skip
"""Shares in range that the suite's authors publish of two models; they heard no EMO-DB."""


def consistency(
    predictions: NDArray[np.float32], emotions: Sequence[str], speakers: Sequence[str]
) -> list[dict[str, Any]]:
    """Share of each class's clips in its range, with a 95 % interval over speakers.

    Args:
        predictions: (clips, 3) A/D/V.
        emotions, speakers: (clips,) each.

    Returns:
        A row for each dimension and expected class that occurs, then one for each range of a
        dimension with its classes taken together: "dimension", "emotion" ("all" in the latter),
        "range", "clips", "share" {"value", "low", "high"}, "passed".
    """
    labels, voices = np.array(emotions), np.array(speakers)
    rows: list[dict[str, Any]] = []
    for axis, dimension in enumerate(DIMENSIONS):
        expected = EXPECTED[dimension]
        values = predictions[:, axis]
        for emotion, wanted in expected.items():
            rows += _row(dimension, emotion, wanted, labels == emotion, values, voices)
        for wanted in (HIGH, LOW, NEUTRAL):
            members = [emotion for emotion, where in expected.items() if where is wanted]
            rows += _row(dimension, "all", wanted, np.isin(labels, members), values, voices)
    return rows


def _row(
    dimension: str,
    emotion: str,
    wanted: Range,
    chosen: NDArray[np.bool_],
    values: NDArray[np.float32],
    speakers: NDArray[np.str_],
) -> list[dict[str, Any]]:
    if not chosen.any():
        return []
    inside = wanted.holds(values[chosen])
    share = with_interval(partial(_mean_of, inside), speakers[chosen])
    return [
        {
            "dimension": dimension,
            "emotion": emotion,
            "range": wanted.name,
            "clips": int(chosen.sum()),
            "share": share,
            "passed": share["value"] >= LEAST_SHARE,
        }
    ]


def _mean_of(inside: NDArray[np.bool_], rows: NDArray[np.intp]) -> float:
    return float(inside[rows].mean())
