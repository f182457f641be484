"""The softmax sums of the stretches that make a window, oldest forgotten first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ser.runtime.partial import PartialPool


class PoolRing:
    """A window as the merge of its stretches, see `PartialPool`.

    Merged anew for every window rather than added to and taken from: nothing accumulates.

    Args:
        stretches: of a window.
        features: of a backbone output.
    """

    def __init__(self, stretches: int, features: int) -> None:
        self._starts = np.zeros(stretches, np.int64)
        self._maximum = np.zeros((stretches, features))
        self._numerator = np.zeros((stretches, features))
        self._denominator = np.zeros((stretches, features))
        self.reset()

    def reset(self) -> None:
        """Nothing heard yet."""
        self._starts.fill(-1)
        self._newest = 0

    def add(self, start: int, pool: PartialPool) -> None:
        """The stretch that starts at a sample takes the oldest one's place."""
        self._newest = (self._newest + 1) % len(self._starts)
        self._starts[self._newest] = start
        self._maximum[self._newest] = pool.maximum
        self._numerator[self._newest] = pool.numerator
        self._denominator[self._newest] = pool.denominator

    def first(self, earliest: int) -> int | None:
        """Start of the first stretch that does not start before `earliest`; None: there is none."""
        starts = self._starts[self._taken(earliest)]
        return int(starts.min()) if len(starts) else None

    def since(self, earliest: int) -> NDArray[np.float64]:
        """The softmax-weighted mean, (features,), over the stretches from `earliest` on."""
        taken = self._taken(earliest)
        maximum = self._maximum[taken]
        weights = np.exp(maximum - maximum.max(axis=0))
        numerator = (self._numerator[taken] * weights).sum(axis=0)
        denominator = (self._denominator[taken] * weights).sum(axis=0)
        result: NDArray[np.float64] = numerator / denominator
        return result

    def _taken(self, earliest: int) -> NDArray[np.bool_]:
        return self._starts >= max(0, earliest)
