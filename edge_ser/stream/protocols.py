"""The seams of the stream: what a source of audio, a model and a receiver of readings offer.

A voice-activity gate or a network receiver is a new `Source` or `Sink`; an incremental
engine is a new `Predictor`. Nothing else in this room has to change for them.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.reading import Meter, Reading, StreamInfo, Summary


class Source(Protocol):
    """Mono audio, block by block; used as a context manager that starts and stops it."""

    @property
    def label(self) -> str:
        """What is listened to, for people."""

    @property
    def rate(self) -> float:
        """Samples per second of the blocks; final once the source has been started."""

    @property
    def live(self) -> bool:
        """Whether audio arrives at its own pace, so that inference may have to skip windows."""

    @property
    def counters(self) -> CaptureCounters:
        """What was received and what was lost so far."""

    def read(self) -> NDArray[np.float32] | None:
        """Newest block, (samples,) float32 about [-1, 1]; empty if none is there yet; never waits.

        Returns None once the audio has ended.

        Raises:
            AudioDeviceError: the device failed.
            InputError: the file is damaged.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Predictor(Protocol):
    """The part of `edge_ser.runtime.Engine` that a stream needs."""

    @property
    def name(self) -> str:
        """Runtime, e.g. "litert"."""

    @property
    def artefact(self) -> str:
        """File name of the model, e.g. "model.int8.tflite"."""

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) at 16 kHz, 0.5 s or longer -> (3,) arousal, dominance, valence."""


class Sink(Protocol):
    """A receiver of readings; all calls come from one thread, in this order."""

    def start(self, info: StreamInfo) -> None:
        """Called once, before any audio."""

    def meter(self, meter: Meter) -> None:
        """Called a few times per second while a live source runs."""

    def reading(self, reading: Reading) -> None:
        """Called once per analysed window."""

    def finish(self, summary: Summary) -> None:
        """Called once, also when the stream ends with an error."""
