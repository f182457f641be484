"""A ring buffer between one writer thread and one reader thread, without a lock.

The writer (PortAudio's callback) only ever advances `_written`, the reader only `_read`;
both are plain integers, whose assignment is atomic in CPython. Each side publishes its
position after it has finished with the memory, so neither can see unfinished samples.
When the buffer is full the new samples are refused and counted by the caller: dropping the
newest keeps what the reader is copying intact, and never makes the writer wait.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class RingBuffer:
    """Fixed memory for `capacity` mono float32 samples."""

    def __init__(self, capacity: int) -> None:
        self._memory: NDArray[np.float32] = np.zeros(capacity, dtype=np.float32)
        self._written = 0
        self._read = 0

    def __len__(self) -> int:
        """Samples waiting to be read."""
        return self._written - self._read

    @property
    def capacity(self) -> int:
        """Samples that fit."""
        return len(self._memory)

    @property
    def room(self) -> int:
        """Samples that still fit; only grows while the writer does not write."""
        return self.capacity - len(self)

    def write(self, samples: NDArray[np.float32]) -> int:
        """Append as many of (n,) as fit; returns how many did. Writer thread only."""
        fitting = min(len(samples), self.room)
        at = self._written % self.capacity
        first = min(fitting, self.capacity - at)
        self._memory[at : at + first] = samples[:first]
        self._memory[: fitting - first] = samples[first:fitting]
        self._written += fitting
        return fitting

    def read(self, most: int | None = None) -> NDArray[np.float32]:
        """Copy of the oldest `most` samples that wait, or of all, (n,). Reader thread only."""
        taking = len(self) if most is None else min(most, len(self))
        at = self._read % self.capacity
        first = min(taking, self.capacity - at)
        taken = np.concatenate([self._memory[at : at + first], self._memory[: taking - first]])
        self._read += taking
        return taken
