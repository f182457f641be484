"""Incremental inference in a stream: the engine's estimates, timed, at the stream's positions.

It keeps up by costing little: a sample is computed once, in the thread that feeds it, and no window
is ever skipped. If even that is too slow, capture drops audio and counts it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge_ser.runtime.incremental import Estimate, IncrementalEngine
from edge_ser.stream.protocols import Analysed


class IncrementalAnalyser:
    """An `Analyser` around an incremental engine, which nobody else may use meanwhile."""

    skipped = 0

    def __init__(self, engine: IncrementalEngine) -> None:
        self._engine = engine
        engine.reset()
        self._begun = 0
        self._received = 0
        self._spent = 0.0

    def feed(self, samples: NDArray[np.float32]) -> list[Analysed]:
        """See `Analyser.feed`."""
        self._received += len(samples)
        return self._timed(lambda: self._engine.push(samples))

    def finish(self) -> list[Analysed]:
        """See `Analyser.finish`."""
        return self._timed(self._engine.finish)

    def reset(self) -> list[Analysed]:
        """See `Analyser.reset`; what was heard before the gap ends like a stream."""
        due = self.finish()
        self._engine.reset()
        self._begun = self._received
        return due

    def _timed(self, work: Callable[[], list[Estimate]]) -> list[Analysed]:
        begun = time.perf_counter()
        estimates = work()
        self._spent += time.perf_counter() - begun
        ready = [
            Analysed(
                start=self._begun + estimate.start,
                end=self._begun + estimate.end,
                values=estimate.values,
                partial=estimate.partial,
                seconds=self._spent / len(estimates),
            )
            for estimate in estimates
        ]
        if estimates:
            self._spent = 0.0
        return ready
