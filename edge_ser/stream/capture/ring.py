"""A ring buffer between one writer thread and one reader thread, without a lock.

The writer (PortAudio's callback) only ever advances `_written`, the reader only `_read`;
both are plain integers, whose assignment is atomic in CPython. Each side publishes its
position after it has finished with the memory, so neither can see unfinished samples.
When the buffer is full the new frames are refused and counted by the caller: dropping the
newest keeps what the reader is copying intact, and never makes the writer wait.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class RingBuffer:
    """Fixed memory for `capacity` frames of `channels` float32 samples."""

    def __init__(self, capacity: int, channels: int) -> None:
        self._memory: NDArray[np.float32] = np.zeros((capacity, channels), dtype=np.float32)
        self._written = 0
        self._read = 0

    def __len__(self) -> int:
        """Frames waiting to be read."""
        return self._written - self._read

    @property
    def capacity(self) -> int:
        """Frames that fit."""
        return len(self._memory)

    def write(self, frames: NDArray[np.float32]) -> int:
        """Append as many of (n, channels) as fit; returns how many did. Writer thread only."""
        fitting = min(len(frames), self.capacity - len(self))
        at = self._written % self.capacity
        first = min(fitting, self.capacity - at)
        self._memory[at : at + first] = frames[:first]
        self._memory[: fitting - first] = frames[first:fitting]
        self._written += fitting
        return fitting

    def read(self) -> NDArray[np.float32]:
        """Copy of everything that waits, (n, channels). Reader thread only."""
        waiting = len(self)
        at = self._read % self.capacity
        first = min(waiting, self.capacity - at)
        taken = np.concatenate([self._memory[at : at + first], self._memory[: waiting - first]])
        self._read += waiting
        return taken
