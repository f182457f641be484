"""Where windows are computed: at once, or on a thread that always takes the newest.

A file can wait for the model; a microphone cannot. When the model is slower than the hop,
the thread skips to the newest window and the skipped ones are counted, so that a reading
never lags further and further behind the voice.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser.stream.analysis.windows import Window


@dataclass(frozen=True)
class Scored:
    """A window and what the model said: values (3,), A/D/V; seconds the model took."""

    window: Window
    values: NDArray[np.float32]
    seconds: float


class Predictor(Protocol):
    """The part of `edge_ser.runtime.Engine` that is needed here."""

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) at 16 kHz, 0.5 s or longer -> (3,) arousal, dominance, valence."""


class Inference(Protocol):
    """Takes windows, gives scores."""

    @property
    def skipped(self) -> int:
        """Windows that were not computed, so far."""

    def submit(self, window: Window) -> None:
        """Hand a window over; never waits for an earlier one in a live stream."""

    def collect(self) -> list[Scored]:
        """Scores that have become ready since the last call, oldest first.

        Raises whatever the model raised.
        """

    def settle(self) -> list[Scored]:
        """Wait for what has been submitted and give the remaining scores."""

    def finish(self) -> list[Scored]:
        """As `settle`, and stop."""


def score(engine: Predictor, window: Window) -> Scored:
    """Run the model on one window."""
    begun = time.perf_counter()
    values = engine.predict(window.samples)
    return Scored(window, values, time.perf_counter() - begun)


class InlineInference:
    """Computes each window when it is submitted; skips none."""

    skipped = 0

    def __init__(self, engine: Predictor) -> None:
        self._engine = engine
        self._ready: list[Scored] = []

    def submit(self, window: Window) -> None:
        """Compute now."""
        self._ready.append(score(self._engine, window))

    def collect(self) -> list[Scored]:
        """See `Inference.collect`."""
        ready, self._ready = self._ready, []
        return ready

    def settle(self) -> list[Scored]:
        """See `Inference.settle`."""
        return self.collect()

    def finish(self) -> list[Scored]:
        """See `Inference.finish`."""
        return self.collect()


class NewestFirstInference:
    """Computes on its own thread; a window that waits is replaced by a newer one."""

    def __init__(self, engine: Predictor) -> None:
        self._engine = engine
        self._changed = threading.Condition()
        self._waiting: Window | None = None
        self._busy = False
        self._ready: list[Scored] = []
        self._failure: BaseException | None = None
        self._ending = False
        self.skipped = 0
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    def submit(self, window: Window) -> None:
        """Make `window` the next one; an older one that still waits is skipped."""
        with self._changed:
            if self._waiting is not None:
                self.skipped += 1
            self._waiting = window
            self._changed.notify_all()

    def collect(self) -> list[Scored]:
        """See `Inference.collect`."""
        with self._changed:
            ready, self._ready = self._ready, []
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return ready

    def settle(self) -> list[Scored]:
        """See `Inference.settle`."""
        with self._changed:
            while (self._waiting is not None or self._busy) and not self._ending:
                self._changed.wait()
        return self.collect()

    def finish(self) -> list[Scored]:
        """See `Inference.finish`."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join()
        return self.collect()

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._waiting is None and not self._ending:
                    self._changed.wait()
                window, self._waiting = self._waiting, None
                self._busy = window is not None
            if window is None:
                return
            try:
                scored = score(self._engine, window)
            except BaseException as error:
                with self._changed:
                    self._failure, self._ending, self._waiting = error, True, None
                    self._changed.notify_all()
                return
            with self._changed:
                self._ready.append(scored)
                self._busy = False
                self._changed.notify_all()
