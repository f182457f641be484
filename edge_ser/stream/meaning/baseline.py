"""What is usual for this speaker, learned from the first minutes of speech, and the change from it.

The baseline is the median over short stretches of speech, so that an outburst or a cough while it
is learned hardly moves it. Once learned it stays: a change of 0.2 means the same on the last day
as on the first, and a long angry phase does not become the new normal. To learn anew (another
speaker, another room) the stream is started again.

Non-goals: telling speakers apart, storing the baseline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRETCHES = 512
"""Means that the median is taken over; they bound the memory whatever the duration."""

_ROUNDING = 1e-6
"""Seconds: many small hops add up to a little less than their sum."""


class Baseline:
    """Of one speaker.

    Args:
        seconds: of speech that it is learned from.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard = 0.0
        self._stretches: list[NDArray[np.float64]] = []
        self._sum: NDArray[np.float64] | float = 0.0
        self._weight = 0.0
        self._usual: NDArray[np.float64] | None = None

    def update(self, values: NDArray[np.float32], hop_seconds: float) -> NDArray[np.float64] | None:
        """Take a window with speech.

        Args:
            values: (3,) arousal, dominance, valence.
            hop_seconds: of the window that no earlier one has covered.

        Returns:
            (3,) values minus baseline; None until it has been learned.
        """
        if self._usual is None:
            self._learn(values, hop_seconds)
        return None if self._usual is None else values - self._usual

    def _learn(self, values: NDArray[np.float32], hop_seconds: float) -> None:
        if hop_seconds <= 0 or not np.isfinite(values).all():
            return
        self._heard += hop_seconds
        self._sum = self._sum + hop_seconds * values.astype(np.float64)
        self._weight += hop_seconds
        learned = self._heard >= self._seconds - _ROUNDING
        if learned or self._weight >= self._seconds / STRETCHES:
            self._stretches.append(self._sum / self._weight)
            self._sum, self._weight = 0.0, 0.0
        if learned:
            self._usual = np.median(self._stretches, axis=0)
            self._stretches.clear()
