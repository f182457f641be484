"""Whether error falls as confidence rises, and whether a confidence of 0.8 is right in 8 of 10."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser.confidence.fitting import confidences
from edge_ser.confidence.rows import Rows
from edge_ser.stream.meaning.curves import Curves

BINS = 10


@dataclass(frozen=True)
class Coverage:
    """Risk when only the most confident readings are kept.

    Attributes:
        share: (readings,) kept, 1/n .. 1.
        risk: (readings,) mean absolute error of those.
    """

    share: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def area(self) -> float:
        """AURC: mean risk over all shares."""
        return float(self.risk.mean())

    def at(self, share: float) -> float:
        """Risk when so many are kept."""
        return float(np.interp(share, self.share, self.risk))


def coverage(confidence: NDArray[np.float64], error: NDArray[np.float64]) -> Coverage:
    """Of (readings,) confidences and absolute errors; ties in the order given."""
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    return Coverage(count / len(order), np.cumsum(error[order]) / count)


def gain(confidence: NDArray[np.float64], error: NDArray[np.float64]) -> float:
    """How much of the way from chance (0) to an oracle that knows the errors (1)."""
    chance, oracle = float(error.mean()), coverage(-error, error).area
    if chance - oracle < 1e-12:
        return 0.0
    return (chance - coverage(confidence, error).area) / (chance - oracle)


@dataclass(frozen=True)
class Bin:
    """Readings of about one confidence.

    Attributes:
        confidence: their mean.
        right: share within the tolerance.
        error: mean absolute, NaN where nobody spoke in any.
        readings: how many.
    """

    confidence: float
    right: float
    error: float
    readings: int


def bins(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], error: NDArray[np.float64]
) -> list[Bin]:
    """Ten bins of equal size, least confident first."""
    order = np.argsort(confidence, kind="stable")
    return [
        Bin(
            float(confidence[part].mean()),
            float(right[part].mean()),
            float(np.nanmean(error[part])) if np.isfinite(error[part]).any() else float("nan"),
            len(part),
        )
        for part in np.array_split(order, min(BINS, len(order)))
    ]


def calibration_error(parts: list[Bin]) -> float:
    """ECE: mean distance between confidence and share right, weighted by readings."""
    total = sum(part.readings for part in parts)
    return sum(part.readings * abs(part.confidence - part.right) for part in parts) / total


def brier(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean squared distance between confidence and outcome."""
    return float(np.mean((confidence - right) ** 2))


def held_out(
    rows: Rows,
    known: NDArray[np.float64],
    fit_to: Callable[[NDArray[np.float64], NDArray[np.bool_]], Curves],
    tolerance: float,
) -> NDArray[np.float64]:
    """Confidences of each fold from a fit to the others: unknown speakers and unknown noises.

    Args:
        rows: say which fold, and what was right.
        known: (rows, features) to fit to.
        fit_to: evidence and outcomes -> curves.
        tolerance: of what is right.

    Returns:
        (rows, 3).
    """
    right = rows.right(tolerance)
    found = np.zeros((len(rows), 3))
    for fold in np.unique(rows.fold):
        judged = rows.fold == fold
        found[judged] = confidences(fit_to(known[~judged], right[~judged]), known[judged])
    return found
