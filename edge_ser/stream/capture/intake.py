"""Between a capture thread and the stream: segments of audio in, mono 16 kHz blocks out.

A segment is audio without an interruption, at one rate: from the opening of a device to its
loss, from a sender's first packet to its silence. Each has its own ring buffer and its own
resampler, so that nothing from before an interruption reaches what comes after it, and a block
never spans one. `CaptureCounters.gaps` rises with the first block after one, at the moment the
reader gets it, not when the device came back.

The writer never waits: what finds the ring full is dropped and counted, and so is what follows
until the reader has caught up, with a gap after it: one long hole rather than many small ones. A
writer that can make its sender wait (a pipe) asks `wait_for_room` first.
"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EdgeSerError
from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.capture.level import count_clipped
from edge_ser.stream.capture.resampler import StreamResampler
from edge_ser.stream.capture.ring import RingBuffer

RING_SECONDS = 10.0
"""Audio kept for a reader that is held up, before samples are dropped."""

MOST_BLOCK_SECONDS = 1.0
"""Longest block that a reader gets, so that one who was held up catches up in steps."""

MOST_SEGMENTS = 4
"""Segments that wait for the reader; a connection that comes and goes may not fill the memory."""

NOTHING: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
NOTHING.flags.writeable = False


class _Segment:
    """Uninterrupted audio at one rate, for one writer and one reader.

    Attributes:
        after_loss: it begins where the reader had been too slow, not where audio came back.
        full: something of it was dropped, and with it ends.
        ended: nothing will be added.
    """

    def __init__(self, rate: float, after_loss: bool = False) -> None:
        self.rate = rate
        self.after_loss = after_loss
        self.full = False
        self.ring = RingBuffer(round(rate * RING_SECONDS))
        self.ended = False
        self.resampler: StreamResampler | None = None

    def read(self) -> NDArray[np.float32]:
        """The next block at 16 kHz. The resampler is made here: reading is the slow side."""
        if self.resampler is None:
            self.resampler = StreamResampler(self.rate)
        return self.resampler.push(self.ring.read(round(self.rate * MOST_BLOCK_SECONDS)))

    def tail(self) -> NDArray[np.float32]:
        """What the resampler still holds, after the last block."""
        return NOTHING if self.resampler is None else self.resampler.push(NOTHING, last=True)


class Intake:
    """One writer thread, one reader thread.

    Args:
        rate: to report before the first segment.
    """

    def __init__(self, rate: float) -> None:
        self.counters = CaptureCounters()
        self._rate = rate
        self._writing: _Segment | None = None
        self._waiting: deque[_Segment] = deque()
        self._reading: _Segment | None = None
        self._heard = False
        self._closed = False
        self._failure: EdgeSerError | None = None
        self._taken = threading.Event()
        # Guards the queue of segments alone: never held while samples are moved.
        self._lock = threading.Lock()

    # The writer's side.

    def begin(self, rate: float) -> None:
        """A segment starts; one that is open ends."""
        self._begin(_Segment(rate))

    def _begin(self, segment: _Segment) -> None:
        with self._lock:
            if len(self._waiting) >= MOST_SEGMENTS:
                self.counters.dropped += len(self._waiting.popleft().ring)
            self._waiting.append(segment)
        self._rate = segment.rate
        before, self._writing = self._writing, segment
        if before is not None:
            before.ended = True

    def write(self, frames: NDArray[np.float32]) -> None:
        """Append (n, channels) float32 to the open segment: counted, mixed to mono, or dropped."""
        segment = self._writing
        if segment is None:
            return
        self.counters.frames += len(frames)
        self.counters.clipped += count_clipped(frames)
        mono = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1)
        self.counters.dropped += len(frames) - self._append(segment, mono)

    def fill(self, frames: int, lost: bool) -> None:
        """Append silence for audio that did not come, so that time stays true.

        Args:
            frames: of the open segment's rate.
            lost: they were sent and are counted as dropped; False: the sender was silent.
        """
        segment = self._writing
        if segment is None:
            return
        written = self._append(segment, np.zeros(frames, dtype=np.float32))
        self.counters.dropped += frames if lost else frames - written

    def _append(self, segment: _Segment, mono: NDArray[np.float32]) -> int:
        """Frames of (n,) that the open segment, or the one after its gap, could take."""
        if segment.full:
            if len(segment.ring) > 0:
                return 0
            segment = _Segment(segment.rate, after_loss=True)
            self._begin(segment)
        written = segment.ring.write(mono)
        segment.full = written < len(mono)
        return written

    def lose(self, frames: int) -> None:
        """So many frames are known to be missing, and no silence stands for them."""
        self.counters.dropped += frames

    def wait_for_room(self, frames: int, seconds: float) -> bool:
        """Whether so many frames fit into the open segment, at the latest after `seconds`."""
        segment = self._writing
        if segment is None:
            return True
        self._taken.clear()
        if segment.ring.room < frames:
            self._taken.wait(seconds)
        return segment.ring.room >= frames

    def end(self) -> None:
        """The open segment, if there is one, is complete."""
        if self._writing is not None:
            self._writing.ended = True
            self._writing = None

    def close(self, failure: EdgeSerError | None = None) -> None:
        """No segment will follow: after the last block `read` gives None, or raises `failure`."""
        self.end()
        self._failure = failure
        self._closed = True

    @property
    def connected(self) -> bool:
        """Whether a segment is open."""
        return self._writing is not None

    # The reader's side.

    @property
    def rate(self) -> float:
        """Samples per second of the newest segment."""
        return self._rate

    def read(self) -> NDArray[np.float32] | None:
        """The next block, see `Source.read`."""
        # Asked before looking: what was written before the close is then still found.
        closed = self._closed
        segment = self._reading or self._next_segment()
        if segment is None:
            if not closed:
                return NOTHING
            if self._failure is not None:
                raise self._failure
            return None
        ended = segment.ended
        if len(segment.ring) == 0:
            if not ended:
                return NOTHING
            self._reading = None
            return segment.tail()
        block = segment.read()
        self._taken.set()
        return block

    def _next_segment(self) -> _Segment | None:
        """Turn to the oldest segment that holds audio; None if there is none."""
        with self._lock:
            while self._waiting:
                segment = self._waiting[0]
                ended = segment.ended
                if len(segment.ring) == 0 and not ended:
                    return None
                self._waiting.popleft()
                if len(segment.ring) == 0:
                    continue  # a device that opened and gave nothing: no audio came back
                self._reading = segment
                self.counters.gaps += self._heard
                self.counters.reconnects += self._heard and not segment.after_loss
                self._heard = True
                return segment
        return None
