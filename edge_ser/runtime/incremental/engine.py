"""What an incremental engine is: samples in, a reading of the last window at every hop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser.runtime.engine import LoadedModel


@dataclass(frozen=True)
class Estimate:
    """What the model says of one window.

    Attributes:
        start, end: its samples [start, end) in the 16 kHz stream.
        values: (3,) float32 arousal, dominance, valence; about 0..1, not clipped.
        partial: shorter than the window that was asked for: the stream is young, or has ended.
    """

    start: int
    end: int
    values: NDArray[np.float32]
    partial: bool


class IncrementalEngine(LoadedModel, Protocol):
    """A model that hears a stream once: each sample goes through the network a single time.

    The level is the front-end's running one, so an estimate equals one offline pass over the
    whole stream, pooled over the window's frames, however the stream is cut into chunks.

    Attributes:
        window_samples, hop_samples: length and step of its windows.
    """

    @property
    def window_samples(self) -> int: ...

    @property
    def hop_samples(self) -> int: ...

    def push(self, samples: NDArray[np.float32]) -> list[Estimate]:
        """Hear (n,) float32 samples at 16 kHz, any n; the estimates they complete, oldest first."""
        ...

    def finish(self) -> list[Estimate]:
        """The stream ends: what was heard since the last estimate, if that is long enough."""
        ...

    def reset(self) -> None:
        """Forget everything heard; positions start again at 0."""
        ...
