"""The stream as it stands, for whoever asks: written by the sink's thread, read by the server's.

Bounded: the newest of everything, the traces of the last ten minutes and the last events.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo

HISTORY_SECONDS = 600.0
"""Of audio, that a page gets when it connects."""

LONGEST_HISTORY = 4_800
"""Readings: ten minutes at a hop of 0.125 s; below that hop the history is shorter."""

EVENTS_KEPT = 50


@dataclass(frozen=True)
class Snapshot:
    """The stream at one moment.

    Attributes:
        info, meter, reading: None until they are known.
        readings: windows so far, by state.
        begun: rules that began to hold so far, by name.
        inference_seconds: that the model took so far, over all windows.
        audio_age, reading_age, meter_age: seconds since audio, a reading, any news arrived; since
            the stream's start if none did.
    """

    info: StreamInfo | None
    meter: Meter | None
    reading: Reading | None
    readings: dict[str, int]
    begun: dict[str, int]
    inference_seconds: float
    audio_age: float
    reading_age: float
    meter_age: float


class LiveState:
    """Keeps what has arrived.

    Args:
        clock: seconds that never jump.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._info: StreamInfo | None = None
        self._meter: Meter | None = None
        self._reading: Reading | None = None
        self._history: deque[Reading] = deque(maxlen=LONGEST_HISTORY)
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._readings: Counter[str] = Counter()
        self._begun: Counter[str] = Counter()
        self._inference = 0.0
        self._audio_at = self._reading_at = self._meter_at = clock()

    def start(self, info: StreamInfo) -> None:
        """The stream begins now."""
        with self._lock:
            self._info = info
            self._audio_at = self._reading_at = self._meter_at = self._clock()

    def meter(self, meter: Meter) -> None:
        """Audio counts as arriving while its seconds grow."""
        with self._lock:
            now = self._clock()
            if self._meter is None or meter.seconds > self._meter.seconds:
                self._audio_at = now
            self._meter, self._meter_at = meter, now

    def reading(self, reading: Reading) -> None:
        """Make it the newest, and forget what is older than the history."""
        with self._lock:
            self._reading, self._reading_at = reading, self._clock()
            self._readings[reading.state] += 1
            self._inference += reading.inference_ms / 1000
            self._history.append(reading)
            while self._history[0].t < reading.t - HISTORY_SECONDS:
                self._history.popleft()

    def event(self, event: Event) -> None:
        """Keep it."""
        with self._lock:
            self._events.append(event)
            self._begun[event.name] += event.active

    def snapshot(self) -> Snapshot:
        """Consistent in itself."""
        with self._lock:
            now = self._clock()
            return Snapshot(
                info=self._info,
                meter=self._meter,
                reading=self._reading,
                readings=dict(self._readings),
                begun=dict(self._begun),
                inference_seconds=self._inference,
                audio_age=now - self._audio_at,
                reading_age=now - self._reading_at,
                meter_age=now - self._meter_at,
            )

    def history(self) -> tuple[list[Reading], list[Event]]:
        """Readings and events, oldest first."""
        with self._lock:
            return list(self._history), list(self._events)
