"""Which samples each analysis window covers.

Windows end at every multiple of the hop, counted from the start or the last gap. Until `window`
samples have been received a window covers everything since then and is marked partial; the first
one is held back until `FIRST_SAMPLES` samples are there, because predictions on very short clips
are unreliable. When the audio ends between two hops, `flush` gives one last window that ends at the
last sample.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser.runtime.engine import SHORTEST_SAMPLES
from edge_ser.runtime.incremental.windows import FIRST_SAMPLES, window_and_hop


@dataclass(frozen=True)
class Window:
    """A stretch of the signal to analyse: samples [start, end) of the 16 kHz stream.

    Attributes:
        samples: (end - start,) float32, owned by the window.
    """

    start: int
    end: int
    samples: NDArray[np.float32]
    partial: bool


class WindowScheduler:
    """Turns a stream of blocks into windows.

    Args:
        window_seconds: 0.5 to 60.
        hop_seconds: 0.05 to 60.

    Raises:
        InputError: out of range.
    """

    def __init__(self, window_seconds: float, hop_seconds: float) -> None:
        self._window, self._hop = window_and_hop(window_seconds, hop_seconds)
        self._first = min(self._window, FIRST_SAMPLES)
        self._blocks: deque[NDArray[np.float32]] = deque()
        self._held = 0
        self._received = 0
        self._begun = 0
        self._covered = 0

    @property
    def _heard(self) -> int:
        """Samples since the start or the last gap; hops count from there."""
        return self._received - self._begun

    def feed(self, samples: NDArray[np.float32]) -> Iterator[Window]:
        """Take (n,) samples and give every window that ends within them."""
        while len(samples):
            until_hop = self._hop - self._heard % self._hop
            self._append(samples[:until_hop])
            samples = samples[until_hop:]
            if self._heard % self._hop == 0 and self._heard >= self._first:
                yield self._cut()

    def flush(self) -> Window | None:
        """The window at the end of the audio, if samples came after the last one.

        None as well if less than 0.5 s was received since the start or the last gap.
        """
        if self._received == self._covered or self._heard < SHORTEST_SAMPLES:
            return None
        return self._cut()

    def reset(self) -> None:
        """Here is a gap: what came before is in no later window. Positions go on, hops start."""
        self._blocks.clear()
        self._held = 0
        self._begun = self._covered = self._received

    def _append(self, samples: NDArray[np.float32]) -> None:
        # A copy: the caller may reuse its block, and a view would keep a large one alive.
        self._blocks.append(samples.copy())
        self._held += len(samples)
        self._received += len(samples)
        while self._held - len(self._blocks[0]) >= self._window:
            self._held -= len(self._blocks.popleft())

    def _cut(self) -> Window:
        samples = np.concatenate(self._blocks)[-self._window :]
        self._covered = self._received
        return Window(
            start=self._received - len(samples),
            end=self._received,
            samples=samples,
            partial=len(samples) < self._window,
        )
