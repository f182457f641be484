"""The incremental engine on our own C: the library keeps the window, Python the positions.

What firmware does, it does: `edge_ser_push` with a window generated for this stream. Samples are
rounded to 16 bits first, as for clips. Like the host's engine it works at places of the signal
that the window grid alone decides.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import InputError
from edge_ser.runtime.c import Result, build_engine, new_engine, to_pcm
from edge_ser.runtime.engine import SHORTEST_SAMPLES, Kernels
from edge_ser.runtime.incremental.engine import Estimate
from edge_ser.runtime.incremental.sample_queue import SampleQueue
from edge_ser.runtime.incremental.windows import Windows
from edge_ser.runtime.tables import read_tables

_OBSERVER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(Result))

_LONGEST_RUN = SAMPLE_RATE
"""Samples that are pushed at once at most: a long hop's work is spread over it."""


class CIncremental:
    """An `IncrementalEngine`.

    Args:
        bundle: open; not needed any more afterwards.
        name, version, artefact: for the record.
        kernels: "reference" for the plain C kernels; both give the same bits.
        windows: whole log-mel frames, a window of whole hops.

    Raises:
        InputError: windows that a library cannot be generated for, or an unusable backbone.
        EnvironmentMissing: no compiler, or the generator's packages are not installed.
    """

    def __init__(
        self,
        bundle: Bundle,
        name: str,
        version: str,
        artefact: str,
        kernels: Kernels,
        windows: Windows,
    ) -> None:
        _check(windows)
        begun = time.perf_counter()
        self.name, self.version, self.artefact, self.kernels = name, version, artefact, kernels
        self.windows = windows
        self._radius = read_tables(bundle).receptive_radius
        self.library = build_engine(
            bundle,
            kernels,
            window_seconds=windows.window / SAMPLE_RATE,
            block_seconds=windows.hop / SAMPLE_RATE,
            first_seconds=windows.end(windows.first) / SAMPLE_RATE,
        )
        self._memory, self.handle = new_engine(self.library)
        self._read: list[NDArray[np.float32]] = []
        self._observer = _OBSERVER(self._observe)
        observe = self.library.es_set_reading_observer
        observe.restype, observe.argtypes = None, (ctypes.c_void_p, _OBSERVER)
        observe(self.handle, self._observer)
        self._queue = SampleQueue()
        self.reset()
        self.load_seconds = time.perf_counter() - begun

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
        self.library.edge_ser_reset(self.handle)
        self._queue.clear()
        self._read.clear()
        self._received = 0
        self._hop = self.windows.first
        self._finished = False

    def push(self, samples: NDArray[np.float32]) -> list[Estimate]:
        """See `IncrementalEngine.push`.

        Raises:
            InputError: samples of another type or shape, not finite, or after `finish`.
        """
        if self._finished:
            raise InputError("this stream has ended", "reset() begins another one")
        self._queue.put(samples)
        estimates: list[Estimate] = []
        while len(self._queue) >= (wanted := self._wanted()):
            self._hear(wanted)
            estimates += self._due()
        return estimates

    def finish(self) -> list[Estimate]:
        """See `IncrementalEngine.finish`."""
        if self._finished:
            return []
        self._finished = True
        self._hear(len(self._queue))
        self.library.edge_ser_finish(self.handle)
        estimates = self._due()
        last = self._last()
        return estimates if last is None else [*estimates, last]

    def _wanted(self) -> int:
        """Samples until the next window can be read, or the next run is due."""
        outputs = self.windows.outputs(self.windows.end(self._hop))
        rows = self.windows.stride * (outputs - 1) + self._radius + 1
        return min(rows * self.windows.frame - self._received, _LONGEST_RUN)

    def _hear(self, count: int) -> None:
        self._received += count
        pcm = to_pcm(self._queue.take(count))
        pointer = pcm.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        self.library.edge_ser_push(self.handle, pointer, len(pcm))

    def _observe(self, _: Any, reading: Any) -> None:
        now = reading.contents
        self._read.append(np.array([now.arousal, now.dominance, now.valence], np.float32))

    def _due(self) -> list[Estimate]:
        """What the library has read at the ends of hops."""
        estimates = []
        while self._read and self.windows.end(self._hop) <= self._received:
            end = self.windows.end(self._hop)
            estimates.append(self._estimate(max(0, end - self.windows.window), end))
            self._hop += 1
        return estimates

    def _last(self) -> Estimate | None:
        """The window up to the last sample, if the library read one and it is long enough.

        It has the hops before and what came after them: less than was asked for.
        """
        if not self._read:
            return None
        begun = self._received // self.windows.hop * self.windows.hop
        start = max(0, begun + self.windows.hop - self.windows.window)
        estimate = self._estimate(start, self._received)
        return estimate if estimate.end - estimate.start >= SHORTEST_SAMPLES else None

    def _estimate(self, start: int, end: int) -> Estimate:
        values = self._read.pop(0)
        return Estimate(start, end, values, partial=end - start < self.windows.window)


def _check(windows: Windows) -> None:
    if windows.hop % windows.frame or windows.window % windows.hop:
        step = windows.frame / SAMPLE_RATE
        raise InputError(
            f"the engine c cannot cut a window of {windows.window / SAMPLE_RATE:g} s into hops of "
            f"{windows.hop / SAMPLE_RATE:g} s",
            f"give a hop of whole {step * 1000:g} ms and a window of whole hops, or use litert",
        )
