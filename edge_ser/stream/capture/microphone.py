"""A microphone through PortAudio: callback → ring buffer → whoever reads.

The callback copies into fixed memory and adds to counters, nothing else: it never waits,
whatever inference or the terminal do. Non-goal: choosing channels of an array; the first
two are mixed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import AudioDeviceError
from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.capture.devices import InputDevice
from edge_ser.stream.capture.level import count_clipped
from edge_ser.stream.capture.portaudio import explain
from edge_ser.stream.capture.ring import RingBuffer

RING_SECONDS = 10.0
"""Audio kept for a reader that is held up, before samples are dropped."""

SILENT_DEVICE_SECONDS = 3.0
"""A device that delivers nothing for so long is taken for gone."""

MOST_CHANNELS = 2
"""Virtual devices offer 32 or more copies of the same signal; more than two help nobody."""

FALLBACK_RATES = (48_000.0, 44_100.0, 16_000.0)
"""Tried in turn when a device refuses the rate that it calls its default."""

INVALID_RATE = -9997


class Microphone:
    """A `Source` of live audio.

    Args:
        sounddevice: the module, from `load_portaudio` (or a stand-in).
        device: what to open, at its own default rate.
        clock: seconds, monotonic.
    """

    live = True

    def __init__(
        self,
        sounddevice: ModuleType,
        device: InputDevice,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sounddevice = sounddevice
        self._device = device
        self._clock = clock
        self.rate = device.rate
        self.counters = CaptureCounters()
        self._channels = min(device.channels, MOST_CHANNELS)
        self._ring = RingBuffer(1, self._channels)
        self._stream: Any = None
        self._finished = False
        self._heard_at = 0.0

    @property
    def label(self) -> str:
        """The device's name."""
        return self._device.name

    def __enter__(self) -> Self:
        try:
            self._stream = self._open()
            self._heard_at = self._clock()
            self._stream.start()
        except self._sounddevice.PortAudioError as error:
            self._close()
            raise explain(error, self.label) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def read(self) -> NDArray[np.float32]:
        """Everything since the last call, mixed to mono; see `Source.read`."""
        frames = self._ring.read()
        if len(frames):
            self._heard_at = self._clock()
            self.counters.clipped += count_clipped(frames)
        elif self._finished or self._clock() - self._heard_at > SILENT_DEVICE_SECONDS:
            raise AudioDeviceError(
                f"{self.label}: the microphone stopped delivering audio",
                "was it unplugged? Plug it in and start again",
            )
        mono: NDArray[np.float32] = frames.mean(axis=1)
        return mono

    def _open(self) -> Any:
        """An unstarted stream at the first rate that the device takes."""
        rates = [self._device.rate]
        rates += [rate for rate in FALLBACK_RATES if rate != self._device.rate]
        for rate in rates:
            self._ring = RingBuffer(round(rate * RING_SECONDS), self._channels)
            try:
                stream = self._sounddevice.InputStream(
                    device=self._device.index,
                    samplerate=rate,
                    channels=self._channels,
                    dtype="float32",
                    latency="high",
                    callback=self._callback,
                    finished_callback=self._on_finished,
                )
            except self._sounddevice.PortAudioError as error:
                refused_rate = len(error.args) > 1 and error.args[1] == INVALID_RATE
                if not refused_rate or rate == rates[-1]:
                    raise
            else:
                self.rate = rate
                return stream
        raise AssertionError("the last rate either opens or raises")

    def _callback(self, frames: NDArray[np.float32], count: int, _: Any, status: Any) -> None:
        """PortAudio's real-time thread: (count, channels) float32."""
        if status.input_overflow:
            self.counters.overflows += 1
        self.counters.frames += count
        self.counters.dropped += count - self._ring.write(frames)

    def _on_finished(self) -> None:
        """PortAudio's thread has ended; unexpected while we still read."""
        self._finished = True

    def _close(self) -> None:
        if self._stream is None:
            return
        # A device that has vanished may fail to close: there is nothing left to save then.
        with contextlib.suppress(self._sounddevice.PortAudioError):
            self._stream.close()
        self._stream = None
