"""Softmax-weighted sums over time that can be built block by block.

The pool is sum(v * exp(s)) / sum(exp(s)) over frames. Kept as (maximum, numerator,
denominator), the sums of two stretches of time merge exactly. That bounds memory here, and it is
what `edge_ser.runtime.incremental` lives on: a window there is the merge of its stretches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PartialPool:
    """Sums over some frames, relative to the largest score; each (features,) float64."""

    maximum: NDArray[np.float64]
    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.floating], scores: NDArray[np.floating]) -> PartialPool:
        """Of one block; values, scores: (frames, features), at least one frame."""
        maximum = scores.max(axis=0)
        weights = np.exp(scores - maximum)
        return cls(
            maximum.astype(np.float64),
            (values * weights).sum(axis=0, dtype=np.float64),
            weights.sum(axis=0, dtype=np.float64),
        )

    def merge(self, other: PartialPool) -> PartialPool:
        """Of both stretches of time together."""
        maximum = np.maximum(self.maximum, other.maximum)
        mine, theirs = np.exp(self.maximum - maximum), np.exp(other.maximum - maximum)
        return PartialPool(
            maximum,
            self.numerator * mine + other.numerator * theirs,
            self.denominator * mine + other.denominator * theirs,
        )

    def pooled(self) -> NDArray[np.float64]:
        """The softmax-weighted mean over all merged frames, (features,)."""
        return self.numerator / self.denominator
