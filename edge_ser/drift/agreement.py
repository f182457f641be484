"""Agreement of two sets of A/D/V predictions on the same clips, per dimension."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.metrics import ccc, error_percentile, mae, max_error, pcc


@dataclass(frozen=True)
class Agreement:
    """One dimension of one step against another, over the whole corpus.

    Attributes:
        ccc, pcc: 0 when either side is constant, and then `constant` is True.
        mae, p99, max: of the absolute error, in units of the dimension (about 0..1).
        constant: one side never changes, so correlation is undefined.
    """

    ccc: float
    pcc: float
    mae: float
    p99: float
    max: float
    constant: bool


@dataclass(frozen=True)
class Comparison:
    """One step against another.

    Attributes:
        against: the other step's name.
        clips: how many clips both predicted.
        dimensions: dimension -> figures.
    """

    against: str
    clips: int
    dimensions: dict[str, Agreement]

    @property
    def mae(self) -> float:
        """Mean over the dimensions, hence over all values."""
        return float(np.mean([figures.mae for figures in self.dimensions.values()]))

    @property
    def max(self) -> float:
        """Largest error in any dimension."""
        return max(figures.max for figures in self.dimensions.values())

    @property
    def lowest_ccc(self) -> float:
        """CCC of the worst dimension."""
        return min(figures.ccc for figures in self.dimensions.values())

    @property
    def constant_dimensions(self) -> list[str]:
        """Dimensions in which one side never changes."""
        return [name for name, figures in self.dimensions.items() if figures.constant]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "mae": self.mae, "max": self.max, "lowest_ccc": self.lowest_ccc}


def compare(
    against: str, truth: NDArray[np.float64], prediction: NDArray[np.float64]
) -> Comparison | None:
    """Figures over the rows that both sides have.

    Args:
        against: name of the side that gave `truth`.
        truth: (clips, 3) A/D/V; NaN rows where this side has no value.
        prediction: likewise.

    Returns:
        None when the two share no clip.
    """
    both = ~(np.isnan(truth).any(axis=1) | np.isnan(prediction).any(axis=1))
    if not both.any():
        return None
    columns = zip(DIMENSIONS, truth[both].T, prediction[both].T, strict=True)
    return Comparison(
        against,
        int(both.sum()),
        {name: _agreement(true, predicted) for name, true, predicted in columns},
    )


def _agreement(truth: NDArray[np.float64], prediction: NDArray[np.float64]) -> Agreement:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        concordance, correlation = ccc(truth, prediction), pcc(truth, prediction)
    return Agreement(
        ccc=concordance,
        pcc=correlation,
        mae=mae(truth, prediction),
        p99=error_percentile(truth, prediction, 99),
        max=max_error(truth, prediction),
        # The metrics warn of constant values and of nothing else; the report shows it.
        constant=bool(caught),
    )
