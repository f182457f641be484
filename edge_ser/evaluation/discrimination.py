"""Does a model order emotions as people do? Five pairs, each by one dimension, as AUC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.metrics import auc, bootstrap_over_groups

Statistic = Callable[[NDArray[np.intp]], float]
"""Of an array of row indices."""


@dataclass(frozen=True)
class Pair:
    """`higher` should score above `lower` on `dimension`."""

    higher: str
    lower: str
    dimension: str

    @property
    def name(self) -> str:
        """E.g. `anger>sadness (arousal)`."""
        return f"{self.higher}>{self.lower} ({self.dimension})"


PAIRS = (
    Pair("anger", "sadness", "arousal"),
    Pair("anger", "neutral", "arousal"),
    Pair("anger", "fear", "dominance"),
    Pair("happiness", "anger", "valence"),
    Pair("happiness", "sadness", "valence"),
)
"""Chosen because listeners agree on them across languages; chance is 0.5."""


def pair_auc(pair: Pair, predictions: NDArray[np.float32], emotions: NDArray[np.str_]) -> float:
    """AUC of one pair; predictions (clips, 3), emotions (clips,).

    NaN where one of the two emotions does not occur: a bootstrap over speakers draws such
    samples when only few of them speak an emotion.
    """
    scores = predictions[:, DIMENSIONS.index(pair.dimension)]
    higher, lower = scores[emotions == pair.higher], scores[emotions == pair.lower]
    if len(higher) == 0 or len(lower) == 0:
        return float("nan")
    return auc(higher, lower)


def discrimination(
    predictions: NDArray[np.float32],
    emotions: Sequence[str],
    speakers: Sequence[str],
    rounds: int = 1000,
) -> dict[str, dict[str, float]]:
    """All pairs with 95 % intervals from a bootstrap over speakers.

    Returns:
        pair name -> {"value", "low", "high"}; and "mean" over the pairs likewise.
    """
    labels, everyone = np.array(emotions), np.array(speakers)
    statistics: dict[str, Statistic] = {
        pair.name: partial(_pair_on_rows, pair, predictions, labels) for pair in PAIRS
    }
    statistics["mean"] = partial(_mean_on_rows, predictions, labels)
    return {
        name: with_interval(statistic, everyone, rounds) for name, statistic in statistics.items()
    }


def with_interval(
    statistic: Statistic, groups: NDArray[np.str_], rounds: int = 1000
) -> dict[str, float]:
    """A figure and its 95 % interval over resampled groups: {"value", "low", "high"}.

    Draws for which the figure does not exist (NaN) are left out of the interval.
    """
    draws = bootstrap_over_groups(statistic, groups, rounds)
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    value = statistic(np.arange(len(groups)))
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _pair_on_rows(
    pair: Pair,
    predictions: NDArray[np.float32],
    emotions: NDArray[np.str_],
    rows: NDArray[np.intp],
) -> float:
    return pair_auc(pair, predictions[rows], emotions[rows])


def _mean_on_rows(
    predictions: NDArray[np.float32], emotions: NDArray[np.str_], rows: NDArray[np.intp]
) -> float:
    return float(np.mean([_pair_on_rows(pair, predictions, emotions, rows) for pair in PAIRS]))
