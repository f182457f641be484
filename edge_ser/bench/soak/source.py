"""Endless material as a `Source` that never makes the stream wait, with an outage now and then.

What the stream was given is kept for a few minutes on a tape; at every check the tape goes to a
file, so that another process can compute the same stretch again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bench.soak.material import Passage
from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.capture.level import count_clipped
from edge_ser.stream.capture.resampler import StreamResampler

TAPE_SECONDS = 180.0
"""Longer than the level remembers: what came before weighs less than e^-40 (`spot_checks`)."""

GRID = 64
"""Samples per output frame of the backbone; a stretch that is computed again begins on it."""

_BLOCK_SECONDS = (0.01, 0.5)


class Tape:
    """The last samples of a stream, in fixed memory.

    Args:
        seconds: that it holds.
    """

    def __init__(self, seconds: float = TAPE_SECONDS) -> None:
        self._memory: NDArray[np.float32] = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
        self._end = self._start = self._cut = 0

    @property
    def end(self) -> int:
        """Samples written so far."""
        return self._end

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append (n,) samples, n at most the length of the tape."""
        size = len(self._memory)
        at = self._end % size
        first = min(len(samples), size - at)
        self._memory[at : at + first] = samples[:first]
        self._memory[: len(samples) - first] = samples[first:]
        self._end += len(samples)
        self._start = max(self._start, self._end - size)

    def cut(self) -> None:
        """What was written before is no longer part of the same signal."""
        self._start = self._cut = self._end

    def save(self, folder: Path) -> None:
        """Write it as CUT-START-END.f32, raw, the name giving its samples in the stream."""
        start = self._start + -(self._start - self._cut) % GRID
        size = len(self._memory)
        first, last = start % size, self._end % size
        partial = folder / "tape.partial"
        with partial.open("wb") as file:
            # In place: copies of minutes would stir the memory that is being measured.
            if first < last:
                self._memory[first:last].tofile(file)
            elif start < self._end:
                self._memory[first:].tofile(file)
                self._memory[:last].tofile(file)
        # The reader must never see half a file.
        partial.rename(folder / f"{self._cut}-{start}-{self._end}.f32")


class EndlessAudio:
    """A `Source` of the passages, at 16 kHz, until enough was given.

    Args:
        passages: endless.
        seconds: of 16 kHz audio to give.
        tapes: folder for the checks' tapes.
        check_seconds: of audio between two checks.
        outage_seconds: of audio between two outages.
        seed: of the lengths of blocks.
    """

    live = False
    connected = True
    label = "soak"
    rate = float(SAMPLE_RATE)

    def __init__(
        self,
        passages: Iterator[Passage],
        seconds: float,
        tapes: Path,
        check_seconds: float,
        outage_seconds: float,
        seed: int,
    ) -> None:
        self.counters = CaptureCounters()
        self._passages = passages
        self._left = round(seconds * SAMPLE_RATE)
        self._folder = tapes
        self._tape = Tape()
        self._every_check = self._next_check = round(check_seconds * SAMPLE_RATE)
        self._every_outage = self._next_outage = round(outage_seconds * SAMPLE_RATE)
        self._random = np.random.default_rng(seed)
        self._passage = next(passages)
        self._resampler = StreamResampler(self._passage.rate)

    @property
    def given(self) -> int:
        """Samples at 16 kHz so far."""
        return self._tape.end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the passage."""
        self._passage.audio.close()

    def read(self) -> NDArray[np.float32] | None:
        """See `Source.read`."""
        if self._left == 0:
            return None
        self._interrupt_if_due()
        # Never empty: the stream would take it for a pause in the audio and wait.
        samples = self._resampled()
        while len(samples) == 0:
            samples = self._resampled()
        samples = samples[: self._left]
        self._left -= len(samples)
        self._tape.write(samples)
        if self._tape.end >= self._next_check:
            self._next_check += self._every_check
            self._tape.save(self._folder)
        return samples

    def _interrupt_if_due(self) -> None:
        """As a microphone that went and came back: the counter says so with the next block."""
        if self._tape.end < self._next_outage:
            return
        self._next_outage += self._every_outage
        self.counters.reconnects += 1
        self.counters.gaps += 1
        self._tape.cut()

    def _resampled(self) -> NDArray[np.float32]:
        """The next block at 16 kHz; at the end of a passage the next one begins."""
        size = max(1, round(self._random.uniform(*_BLOCK_SECONDS) * self._passage.rate))
        block = self._passage.read(size)
        last = len(block) < size
        samples = self._resampler.push(block, last=last)
        self.counters.frames += len(block)
        self.counters.clipped += count_clipped(block)
        if last:
            self._passage.audio.close()
            self._passage = next(self._passages)
            self._resampler = StreamResampler(self._passage.rate)
        return samples
