"""An exponential mean of readings that may come unevenly.

A reading counts by its age, `exp(-age / seconds)`, and the mean is over what counts, so the first
readings are their plain mean instead of being pulled towards a start value. A pause in the speech
lets the older readings fade and nothing else; one long enough for them to mean little begins the
mean anew. Non-goal: filtering of events, which `rules.py` does by durations and margins.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FORGOTTEN_AFTER = 3.0
"""Time constants without a reading after which the earlier ones count for nothing: by then each
has faded to 5 %, but many together would still outvote the first word after a silence."""


class Smoother:
    """The mean of one stream.

    Args:
        seconds: time constant: a step of the input is followed by 63 % after this time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Forget all readings; the next one is its own mean."""
        self._t = -math.inf
        self._weight = 0.0
        self._sum: NDArray[np.float64] = np.zeros(0)

    def update(self, t: float, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a reading.

        Args:
            t: in seconds of audio; one that goes back begins anew.
            values: (n,); if not all are finite they are returned as they are and not remembered.

        Returns:
            (n,) the mean so far.
        """
        if not np.isfinite(values).all():
            return values
        age = (t - self._t) / self._seconds
        if not 0 <= age <= FORGOTTEN_AFTER:
            self._weight, self._sum = 0.0, np.zeros(values.shape)
        self._t = t
        fade = math.exp(-age) if self._weight else 0.0
        self._weight = self._weight * fade + 1.0
        self._sum = self._sum * fade + values
        return (self._sum / self._weight).astype(np.float32)
