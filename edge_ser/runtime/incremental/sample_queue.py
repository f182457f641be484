"""Samples that wait until there are enough of them to be worth a run."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import InputError


class SampleQueue:
    """First in, first out; chunks go in, exact numbers of samples come out."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what waits."""
        self._chunks: deque[NDArray[np.float32]] = deque()
        self._held = 0

    def __len__(self) -> int:
        return self._held

    def put(self, samples: NDArray[np.float32]) -> None:
        """Take a chunk, (n,) float32; the caller may reuse its memory.

        Raises:
            InputError: of another type or shape, or not finite.
        """
        if samples.dtype != np.float32 or samples.ndim != 1:
            raise InputError(
                f"a chunk of {samples.dtype} with shape {samples.shape} is no mono audio",
                "give (samples,) float32, 16 kHz, about [-1, 1]",
            )
        if not np.isfinite(samples).all():
            raise InputError("audio holds samples that are not finite numbers")
        if len(samples):
            self._chunks.append(samples.copy())
            self._held += len(samples)

    def take(self, count: int) -> NDArray[np.float32]:
        """The oldest `count` samples; as many are there."""
        self._held -= count
        parts = []
        while count:
            part = self._chunks.popleft()
            if len(part) > count:
                self._chunks.appendleft(part[count:])
                part = part[:count]
            parts.append(part)
            count -= len(part)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)
