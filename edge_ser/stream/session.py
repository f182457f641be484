"""The loop that joins source, resampler, scheduler, inference and sinks.

It runs on one thread, so sinks need no locks; inference of a live stream has its own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.errors import InputError
from edge_ser.stream.analysis.inference import (
    Inference,
    InlineInference,
    NewestFirstInference,
    Scored,
)
from edge_ser.stream.analysis.windows import SHORTEST_SECONDS, WindowScheduler, samples_of
from edge_ser.stream.capture.level import peak_dbfs, rms_dbfs
from edge_ser.stream.capture.resampler import StreamResampler
from edge_ser.stream.protocols import Predictor, Sink, Source
from edge_ser.stream.reading import Meter, Reading, StreamInfo, Summary
from edge_ser.stream.recorder import Recorder

IDLE_SECONDS = 0.02
"""Pause when a live source has nothing new; bounds the delay that the loop adds."""

METER_SECONDS = 0.1
TIMES_KEPT = 10_000
"""Inference times behind the summary's median: the latest ones, so that memory is bounded."""


class Session:
    """One stream from start to end.

    Args:
        source: where audio comes from; started and closed by `run`.
        engine: the model.
        scheduler: which samples each window covers.
        sinks: who receives the readings.
        info: what runs; `source_rate` is filled in once the source has started.
        recorder: stores the samples that the model hears; None stores nothing.
        seconds: stop after so much audio; None: until the source ends.
        stopped: asked between blocks; True ends the stream early.
    """

    def __init__(
        self,
        source: Source,
        engine: Predictor,
        scheduler: WindowScheduler,
        sinks: Sequence[Sink],
        info: StreamInfo,
        recorder: Recorder | None = None,
        seconds: float | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source = source
        self._engine = engine
        self._scheduler = scheduler
        self._sinks = sinks
        self._info = info
        self._recorder = recorder
        self._limit = None if seconds is None else samples_of(seconds)
        self._stopped = stopped
        self._inference: Inference
        self._windows = 0
        self._partial = 0
        self._times: deque[float] = deque(maxlen=TIMES_KEPT)
        self._slowest = 0.0
        self._unmetered: list[NDArray[np.float32]] = []
        self._metered_at = 0.0

    def run(self) -> Summary:
        """Stream until the audio ends, the limit is reached, or a stop is asked for.

        Raises:
            InputError: the audio ended before there was enough for one window, or is damaged.
            AudioDeviceError: the device failed.
        """
        with self._source as source:
            resampler = StreamResampler(source.rate)
            info = replace(self._info, source_rate=source.rate)
            self._inference = (
                NewestFirstInference(self._engine) if source.live else InlineInference(self._engine)
            )
            try:
                for sink in self._sinks:
                    sink.start(info)
                ended = self._pump(resampler)
                self._deliver(self._inference.finish())
            finally:
                self._inference.finish()
                summary = self._summary()
                for sink in self._sinks:
                    sink.finish(summary)
        if ended and self._windows == 0:
            raise InputError(
                f"{source.label} holds {self._scheduler.received / SAMPLE_RATE:.2f} s of audio",
                f"a model needs at least {SHORTEST_SECONDS:g} s",
            )
        return summary

    def _pump(self, resampler: StreamResampler) -> bool:
        """Move audio until the end; returns False when a stop was asked for."""
        while not self._stopped():
            block = self._source.read()
            if block is not None and len(block) == 0:
                self._deliver(self._inference.collect())
                time.sleep(IDLE_SECONDS)
                continue
            last = block is None
            heard = np.zeros(0, dtype=np.float32) if block is None else block
            self._take(resampler.push(heard, last=last))
            if last or self._received_all():
                self._submit_rest()
                return True
            if self._source.live:
                self._measure(heard)
        return False

    def _take(self, samples: NDArray[np.float32]) -> None:
        if self._limit is not None:
            samples = samples[: self._limit - self._scheduler.received]
        if self._recorder is not None:
            self._recorder.write(samples)
        for window in self._scheduler.feed(samples):
            self._inference.submit(window)
        self._deliver(self._inference.collect())

    def _received_all(self) -> bool:
        return self._limit is not None and self._scheduler.received >= self._limit

    def _submit_rest(self) -> None:
        rest = self._scheduler.flush()
        if rest is not None:
            self._inference.submit(rest)

    def _deliver(self, scored: list[Scored]) -> None:
        for one in scored:
            reading = self._reading(one)
            self._windows += 1
            self._partial += reading.partial
            self._times.append(reading.inference_ms)
            self._slowest = max(self._slowest, reading.inference_ms)
            for sink in self._sinks:
                sink.reading(reading)

    def _reading(self, scored: Scored) -> Reading:
        window, counters = scored.window, self._source.counters
        arousal, dominance, valence = map(float, scored.values)
        return Reading(
            start_sample=window.start,
            end_sample=window.end,
            t=window.end / SAMPLE_RATE,
            arousal=arousal,
            dominance=dominance,
            valence=valence,
            partial=window.partial,
            level_dbfs=rms_dbfs(window.samples[len(window.samples) - window.newest :]),
            clipped=counters.clipped,
            dropped=counters.dropped,
            overflows=counters.overflows,
            skipped=self._inference.skipped,
            inference_ms=scored.seconds * 1000,
        )

    def _measure(self, block: NDArray[np.float32]) -> None:
        """Feed the level meter; sinks hear of it a few times per second."""
        self._unmetered.append(block)
        now = time.monotonic()
        if now - self._metered_at < METER_SECONDS:
            return
        newest = np.concatenate(self._unmetered)
        self._unmetered, self._metered_at = [], now
        counters = self._source.counters
        meter = Meter(
            seconds=self._scheduler.received / SAMPLE_RATE,
            level_dbfs=rms_dbfs(newest),
            peak_dbfs=peak_dbfs(newest),
            clipped=counters.clipped,
            dropped=counters.dropped,
            overflows=counters.overflows,
            skipped=self._inference.skipped,
            recording=self._recorder is not None and self._recorder.active,
        )
        for sink in self._sinks:
            sink.meter(meter)

    def _summary(self) -> Summary:
        counters = self._source.counters
        return Summary(
            seconds=self._scheduler.received / SAMPLE_RATE,
            windows=self._windows,
            partial=self._partial,
            skipped=self._inference.skipped,
            clipped=counters.clipped,
            dropped=counters.dropped,
            overflows=counters.overflows,
            median_ms=median(self._times) if self._times else 0.0,
            slowest_ms=self._slowest,
        )
