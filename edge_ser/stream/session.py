"""The loop that joins source, analyser, interpreter, rules and sinks.

It runs on one thread and never waits for anybody: sources have threads of their own where they
need them, and so has every sink.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.errors import InputError
from edge_ser.runtime.incremental.windows import SHORTEST_WINDOW_SECONDS
from edge_ser.stream.capture.level import peak_dbfs, rms_dbfs
from edge_ser.stream.meaning.interpret import Interpreter, Meaning
from edge_ser.stream.meaning.rules import Rule
from edge_ser.stream.outbox import Outbox, close_all
from edge_ser.stream.protocols import Analysed, Analyser, Sink, Source
from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo, Summary
from edge_ser.stream.recorder import Recorder

IDLE_SECONDS = 0.02
"""Pause when a live source has nothing new; bounds the delay that the loop adds."""

METER_SECONDS = 0.1
TIMES_KEPT = 10_000
"""Inference times behind the summary's median: the latest ones, so that memory is bounded."""

_log = logging.getLogger(__name__)


class Session:
    """One stream from start to end.

    Args:
        source: where audio comes from; started and closed by `run`.
        analyser: the model.
        interpreter: what its values are worth.
        sinks: who receives the readings; each gets a thread of its own.
        info: what runs; `source_rate` is filled in once the source has started.
        rules: of the user.
        recorder: stores the samples that the model hears; None stores nothing.
        seconds: stop after so much audio; None: until the source ends.
        stopped: asked between blocks; True ends the stream early.
        started: called once the source runs.
        alive: called between blocks, for a watchdog.
        clock: seconds since 1970 for the readings' `time`; nothing else depends on it.
    """

    def __init__(
        self,
        source: Source,
        analyser: Analyser,
        interpreter: Interpreter,
        sinks: Sequence[Sink],
        info: StreamInfo,
        rules: Sequence[Rule] = (),
        recorder: Recorder | None = None,
        seconds: float | None = None,
        stopped: Callable[[], bool] = lambda: False,
        started: Callable[[], None] = lambda: None,
        alive: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._analyser = analyser
        self._interpreter = interpreter
        self._outboxes = [Outbox(sink, source.live, stopped=stopped) for sink in sinks]
        self._info = info
        self._rules = rules
        self._recorder = recorder
        self._limit = None if seconds is None else round(seconds * SAMPLE_RATE)
        self._stopped = stopped
        self._started = started
        self._alive = alive
        self._clock = clock
        self._received = 0
        self._covered = 0
        self._gaps = self._reconnects = 0
        self._connected = True
        self._windows = self._partial = self._speech = self._uncertain = 0
        self._times: deque[float] = deque(maxlen=TIMES_KEPT)
        self._slowest = 0.0
        self._begun_at = self._metered_at = 0.0
        self._level = self._peak = rms_dbfs(np.zeros(0, np.float32))

    def run(self) -> Summary:
        """Stream until the audio ends, the limit is reached, or a stop is asked for.

        Raises:
            InputError: the audio ended before there was enough for one window, or is damaged.
            AudioDeviceError: the device failed.
            Exception: whatever an essential sink raised.
        """
        self._begun_at = time.monotonic()
        with self._source as source:
            info = replace(self._info, source_rate=source.rate)
            for outbox in self._outboxes:
                outbox.start(info)
            try:
                self._started()
                ended = self._pump()
                self._deliver(self._analyser.finish())
            finally:
                self._announce(rule.finish(self._clock()) for rule in self._rules)
                close_all(self._outboxes, self._summary())
        self._raise_failures()
        if ended and self._windows == 0:
            raise InputError(
                f"{source.label} holds {self._received / SAMPLE_RATE:.2f} s of audio",
                f"a model needs at least {SHORTEST_WINDOW_SECONDS:g} s",
            )
        return self._summary()

    def _pump(self) -> bool:
        """Move audio until the end; returns False when a stop was asked for."""
        while not self._stopped():
            self._alive()
            self._raise_failures()
            block = self._source.read()
            self._notice_interruptions()
            if block is None:
                return True
            self._take(block)
            if self._limit is not None and self._received >= self._limit:
                return True
            self._measure(block)
            if len(block) == 0:
                time.sleep(IDLE_SECONDS)
        return False

    def _raise_failures(self) -> None:
        for outbox in self._outboxes:
            if outbox.failure is not None:
                raise outbox.failure

    def _notice_interruptions(self) -> None:
        """Say when the source goes and comes; no window may reach across a gap."""
        if self._source.connected != self._connected:
            self._connected = self._source.connected
            if not self._connected:
                _log.warning("%s: no audio arrives; waiting for it", self._source.label)
        counters = self._source.counters
        if counters.gaps != self._gaps:
            # These windows lie before the gap and carry the totals from before it.
            self._deliver(self._analyser.reset())
            self._gaps = counters.gaps
            self._interpreter.reset()
            if counters.reconnects == self._reconnects:
                _log.warning("%s: frames were dropped, the machine is busy", self._source.label)
        if counters.reconnects != self._reconnects:
            self._reconnects = counters.reconnects
            _log.info("%s: audio arrives again", self._source.label)

    def _take(self, samples: NDArray[np.float32]) -> None:
        if self._limit is not None:
            samples = samples[: self._limit - self._received]
        if self._recorder is not None:
            self._recorder.write(samples)
        self._received += len(samples)
        self._interpreter.track.feed(samples)
        self._deliver(self._analyser.feed(samples))

    def _deliver(self, analysed: list[Analysed]) -> None:
        for window in analysed:
            reading = self._reading(window)
            self._count(reading)
            for outbox in self._outboxes:
                outbox.put(reading)
            self._announce(rule.update(reading) for rule in self._rules)

    def _announce(self, events: Iterable[Event | None]) -> None:
        for event in filter(None, events):
            for outbox in self._outboxes:
                outbox.put(event)

    def _reading(self, window: Analysed) -> Reading:
        newest = max(self._covered, window.start)
        self._covered = window.end
        meaning = self._interpreter.read(window, (window.end - newest) / SAMPLE_RATE)
        counters = self._source.counters
        return Reading(
            time=self._clock(),
            start_sample=window.start,
            end_sample=window.end,
            t=window.end / SAMPLE_RATE,
            state=meaning.state,
            **_by_dimension(meaning),
            speech_share=meaning.speech_share,
            partial=window.partial,
            level_dbfs=self._interpreter.track.level_dbfs(newest, window.end),
            clipped=counters.clipped,
            dropped=counters.dropped,
            overflows=counters.overflows,
            reconnects=self._reconnects,
            gaps=self._gaps,
            invalid=counters.invalid,
            skipped=self._analyser.skipped,
            inference_ms=window.seconds * 1000,
        )

    def _count(self, reading: Reading) -> None:
        self._windows += 1
        self._partial += reading.partial
        self._speech += reading.state == "speech"
        self._uncertain += reading.state == "uncertain"
        self._times.append(reading.inference_ms)
        self._slowest = max(self._slowest, reading.inference_ms)

    def _measure(self, block: NDArray[np.float32]) -> None:
        """Tell the sinks how the stream fares, a few times per second."""
        if len(block):
            self._level, self._peak = rms_dbfs(block), max(self._peak, peak_dbfs(block))
        now = time.monotonic()
        if now - self._metered_at < METER_SECONDS:
            return
        self._metered_at = now
        meter = self._meter(now)
        self._peak = rms_dbfs(np.zeros(0, np.float32))
        for outbox in self._outboxes:
            outbox.meter(meter)

    def _meter(self, now: float) -> Meter:
        counters = self._source.counters
        return Meter(
            seconds=self._received / SAMPLE_RATE,
            uptime=now - self._begun_at,
            connected=self._source.connected,
            level_dbfs=self._level,
            peak_dbfs=self._peak,
            speech=self._interpreter.track.speech,
            clipped=counters.clipped,
            dropped=counters.dropped,
            overflows=counters.overflows,
            reconnects=counters.reconnects,
            gaps=counters.gaps,
            invalid=counters.invalid,
            skipped=self._analyser.skipped,
            recording=self._recorder is not None and self._recorder.active,
            deliveries=tuple(outbox.delivery for outbox in self._outboxes),
        )

    def _summary(self) -> Summary:
        counters = self._source.counters
        return Summary(
            seconds=self._received / SAMPLE_RATE,
            windows=self._windows,
            partial=self._partial,
            speech=self._speech,
            uncertain=self._uncertain,
            skipped=self._analyser.skipped,
            clipped=counters.clipped,
            dropped=counters.dropped,
            overflows=counters.overflows,
            reconnects=counters.reconnects,
            gaps=counters.gaps,
            invalid=counters.invalid,
            median_ms=median(self._times) if self._times else 0.0,
            slowest_ms=self._slowest,
            deliveries=tuple(outbox.delivery for outbox in self._outboxes),
        )


def _by_dimension(meaning: Meaning) -> dict[str, float | None]:
    """The reading's nine fields of values, confidences and changes."""
    parts = {"": meaning.values, "_confidence": meaning.confidence, "_change": meaning.change}
    return {
        name + suffix: None if part is None else float(part[index])
        for suffix, part in parts.items()
        for index, name in enumerate(DIMENSIONS)
    }
