"""The seams of the stream: what a source of audio, a model and a receiver of readings offer.

A new kind of microphone is a `Source`, another way to compute is an `Analyser`, and whatever
wants to know of readings is a `Sink`. Nothing else in this room has to change for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo, Summary


class Source(Protocol):
    """Mono audio at 16 kHz, block by block; used as a context manager that starts and stops it."""

    @property
    def label(self) -> str:
        """What is listened to, for people."""

    @property
    def rate(self) -> float:
        """Samples per second of the device or file itself; final once audio has come."""

    @property
    def live(self) -> bool:
        """Whether audio arrives at its own pace and is lost if nobody takes it."""

    @property
    def connected(self) -> bool:
        """Whether audio can come at this moment; False while a device is away."""

    @property
    def counters(self) -> CaptureCounters:
        """What was received and what was lost so far."""

    def read(self) -> NDArray[np.float32] | None:
        """Newest block, (samples,) float32 about [-1, 1] at 16 kHz; never waits.

        Empty if nothing is there yet; None once the audio has ended.

        Raises:
            AudioDeviceError: the device failed and will not come back by itself.
            InputError: the file or the stream is damaged.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True)
class Analysed:
    """One window and what the model said of it.

    Attributes:
        start, end: its samples [start, end) in the 16 kHz stream.
        values: (3,) float32 arousal, dominance, valence.
        partial: the window is shorter than asked for.
        seconds: that the model took since the last window.
    """

    start: int
    end: int
    values: NDArray[np.float32]
    partial: bool
    seconds: float


class Analyser(Protocol):
    """Turns the stream into windows with values."""

    @property
    def skipped(self) -> int:
        """Windows that were not computed so far, because the model was too slow."""

    def feed(self, samples: NDArray[np.float32]) -> list[Analysed]:
        """Take (n,) samples at 16 kHz; the windows that have become ready, oldest first."""

    def finish(self) -> list[Analysed]:
        """The stream ends: the windows that are still due. Called once."""

    def reset(self) -> list[Analysed]:
        """The audio has a gap: what is due before it, and no later window reaches across it.

        Positions go on; hops count from the gap.
        """


class Sink:
    """A receiver of readings; it overrides what it wants to know of.

    All calls come from one thread, `start` first and `finish` last. A sink may take its time and
    may raise: an `Outbox` stands between it and the stream.

    Attributes:
        name: short, for people and metrics, e.g. "mqtt".
        essential: the stream ends if this sink fails; others are counted, logged and called again.
        lost: readings and events that it took and then could not pass on.
        waiting: that it took and has not passed on yet.
        trouble: why it cannot pass anything on at the moment, though it goes on trying; "" while
            it can.
    """

    name = "sink"
    essential = False
    lost = 0
    waiting = 0
    trouble = ""

    def start(self, info: StreamInfo) -> None:
        """Once, before any audio."""

    def meter(self, meter: Meter) -> None:
        """State of the stream, a few times per second; the newest one replaces older ones."""

    def reading(self, reading: Reading) -> None:
        """Once per window."""

    def event(self, event: Event) -> None:
        """A rule of the user's has begun or ceased to hold."""

    def finish(self, summary: Summary) -> None:
        """Once, also when the stream ends with an error."""
