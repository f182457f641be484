"""The incremental engine of the host runtimes: numpy front-end and pool around their backbone.

Work is done at places of the signal that the window grid alone decides, never the chunks: so the
same stream gives the same bits however it arrives, and many small chunks cost what one costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import InputError
from edge_ser.frontend.stream_frontend import StreamLogMel
from edge_ser.runtime.backbone import Backbone
from edge_ser.runtime.engine import SHORTEST_SAMPLES, Kernels
from edge_ser.runtime.head import apply_head
from edge_ser.runtime.incremental.backbone_stream import BackboneStream
from edge_ser.runtime.incremental.engine import Estimate
from edge_ser.runtime.incremental.pool_ring import PoolRing
from edge_ser.runtime.incremental.sample_queue import SampleQueue
from edge_ser.runtime.incremental.windows import Windows
from edge_ser.runtime.partial import PartialPool
from edge_ser.runtime.tables import BackboneTables

MOST_OUTPUTS = 128
"""Of one run: bounds the runtime's memory where the hop is long."""

Observer = Callable[[NDArray[Any], NDArray[Any]], None]
"""Sees every stretch of the backbone's values and scores as it is computed, oldest first."""


@dataclass
class HostIncremental:
    """An `IncrementalEngine`.

    Attributes:
        backbone, tables, windows: what it runs on.
        observe: for tests and dumps.
    """

    name: str
    version: str
    artefact: str
    kernels: Kernels
    load_seconds: float
    backbone: Backbone
    tables: BackboneTables
    windows: Windows
    observe: Observer | None = None
    _queue: SampleQueue = field(default_factory=SampleQueue, init=False, repr=False)

    def __post_init__(self) -> None:
        most = self.windows.most_outputs
        spec, head = self.tables.frontend, self.tables.head
        self._log_mel = StreamLogMel(spec)
        self._stream = BackboneStream(
            self.backbone,
            self.tables.receptive_radius,
            -(-most // -(-most // MOST_OUTPUTS)),
            spec.n_mels,
        )
        self._ring = PoolRing(self.windows.stretches, head.channels * head.bands)
        self.reset()

    @property
    def window_samples(self) -> int:
        """Length of a window."""
        return self.windows.window

    @property
    def hop_samples(self) -> int:
        """Step between windows."""
        return self.windows.hop

    def reset(self) -> None:
        """See `IncrementalEngine.reset`."""
        self._queue.clear()
        self._log_mel.reset()
        self._stream.reset()
        self._ring.reset()
        self._received = 0
        self._hop = 1
        self._cuts = self.windows.cuts(1)
        self._open: PartialPool | None = None
        self._open_start = 0
        self._covered = 0
        self._finished = False
        self._plan()

    def push(self, samples: NDArray[np.float32]) -> list[Estimate]:
        """See `IncrementalEngine.push`.

        Raises:
            InputError: samples of another type or shape, not finite, or after `finish`.
        """
        if self._finished:
            raise InputError("this stream has ended", "reset() begins another one")
        self._queue.put(samples)
        estimates: list[Estimate] = []
        while len(self._queue) >= self._wanted:
            self._hear(self._wanted)
            estimates += self._pool(*self._stream.advance(self._next))
            self._plan()
        return estimates

    def finish(self) -> list[Estimate]:
        """See `IncrementalEngine.finish`.

        The windows that wait for the sound behind them, then one of what came after the last.
        """
        if self._finished:
            return []
        self._finished = True
        self._hear(len(self._queue))
        if not self._stream.heard:
            return []
        estimates = self._pool(*self._stream.finish())
        last = self._last()
        return estimates if last is None else [*estimates, last]

    def _plan(self) -> None:
        """How far the next run goes, and how many samples it waits for."""
        end = self.windows.outputs(self.windows.end(self._hop))
        self._next = self._stream.next_end(end)
        rows = self._stream.rows_for(self._next) - self._stream.heard
        self._wanted = rows * self.windows.frame

    def _hear(self, samples: int) -> None:
        self._received += samples
        self._stream.hear(self._log_mel.push(self._queue.take(samples)))

    def _pool(self, values: NDArray[Any], scores: NDArray[Any]) -> list[Estimate]:
        """Outputs into stretches, stretches into windows; the windows that are complete."""
        if self.observe is not None:
            self.observe(values, scores)
        estimates = []
        begun = self._stream.done - len(values)
        taken = 0
        while self._cuts[0] <= self._received:
            until = self.windows.outputs(self._cuts[0]) - begun
            if until > len(values):
                break
            self._add(values[taken:until], scores[taken:until])
            taken = until
            estimates += self._cut()
        self._add(values[taken:], scores[taken:])
        return estimates

    def _add(self, values: NDArray[Any], scores: NDArray[Any]) -> None:
        if not len(values):
            return
        pool = self.backbone.pool(values, scores)
        self._open = pool if self._open is None else self._open.merge(pool)

    def _cut(self) -> list[Estimate]:
        """The open stretch ends at the next cut, and with it perhaps a window."""
        here, self._cuts = self._cuts[0], self._cuts[1:]
        self._close(here)
        if self._cuts:
            return []
        start = max(0, here - self.windows.window)
        estimates = [self._estimate(start, here)] if self._hop >= self.windows.first else []
        self._hop += 1
        self._cuts = self.windows.cuts(self._hop)
        return estimates

    def _close(self, here: int) -> None:
        if self._open is not None:
            self._ring.add(self._open_start, self._open)
        self._open, self._open_start = None, here

    def _last(self) -> Estimate | None:
        """The window up to the last sample, if it brings something and is long enough."""
        windows = self.windows
        if windows.outputs(self._received) == windows.outputs(self._covered):
            return None
        self._close(self._received)
        start = self._ring.first(self._received - windows.window)
        if start is None or self._received - start < SHORTEST_SAMPLES:
            return None
        return self._estimate(start, self._received)

    def _estimate(self, start: int, end: int) -> Estimate:
        self._covered = end
        pooled = self._ring.since(start)
        values = apply_head(pooled, self.tables.head).astype(np.float32)
        return Estimate(start, end, values, partial=end - start < self.windows.window)
