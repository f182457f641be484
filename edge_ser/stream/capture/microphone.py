"""A microphone through PortAudio: callback → ring buffer → whoever reads.

The callback mixes and copies into fixed memory and adds to counters, nothing else: it never
waits, whatever inference or the terminal do. A watching thread notices when the device is gone
(PortAudio ends the stream, or nothing arrives any more) and opens it again when it is back; the
reader never waits for that. Only the microphone of the same name is opened again: another one
would change what is measured without a word.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import AudioDeviceError, EdgeSerError
from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.capture.devices import InputDevice, find_again, input_devices
from edge_ser.stream.capture.intake import Intake
from edge_ser.stream.capture.opening import as_float, open_input
from edge_ser.stream.capture.portaudio import explain, restart_portaudio
from edge_ser.stream.capture.silence import PAUSE_SECONDS, SILENT_PAUSES

_log = logging.getLogger(__name__)

CLOSING_SECONDS = 5.0
"""A device that has vanished may never finish closing; the stream ends without it then."""


@dataclass(frozen=True)
class Patience:
    """When a microphone is given up, and how often it is tried again; in seconds.

    Attributes:
        tick: between two looks at the device; `SILENT_PAUSES` of them without a sample: gone.
        first_pause, longest_pause: before the first and the later attempts, doubling in between.
    """

    tick: float = PAUSE_SECONDS
    first_pause: float = 0.5
    longest_pause: float = 10.0

    def pause_after(self, pause: float) -> float:
        """The pause that follows one that was in vain."""
        return min(2 * pause, self.longest_pause)


class Microphone:
    """A `Source` of live audio.

    Args:
        sounddevice: the module, from `load_portaudio` (or a stand-in).
        device: what to open.
        rate, channels: to open it with; None takes what it prefers.
        reconnect: wait for it when it vanishes; False ends with an error.
        patience: see there.
    """

    live = True

    def __init__(
        self,
        sounddevice: ModuleType,
        device: InputDevice,
        rate: float | None = None,
        channels: int | None = None,
        reconnect: bool = True,
        patience: Patience = Patience(),
    ) -> None:
        self._sounddevice = sounddevice
        self._device = device
        self._wanted_rate = rate
        self._wanted_channels = channels
        self._reconnect = reconnect
        self._patience = patience
        self._intake = Intake(rate or device.rate)
        self._stream: Any = None
        self._closing = threading.Event()
        self._gone = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="microphone", daemon=True)

    @property
    def label(self) -> str:
        """The device's name."""
        return self._device.name

    @property
    def rate(self) -> float:
        """Of the device, as it was opened last."""
        return self._intake.rate

    @property
    def connected(self) -> bool:
        """Whether the device is open."""
        return self._intake.connected

    @property
    def counters(self) -> CaptureCounters:
        """See `CaptureCounters`."""
        return self._intake.counters

    def __enter__(self) -> Self:
        self._open()
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._gone.set()
        self._watcher.join(CLOSING_SECONDS)

    def read(self) -> NDArray[np.float32] | None:
        """Audio since the last call, a second at most; see `Source.read`."""
        return self._intake.read()

    def _open(self) -> None:
        """Open and start; the caller is the only one who does so at the time."""
        opened = open_input(
            self._sounddevice,
            self._device,
            self._wanted_rate,
            self._wanted_channels,
            self._callback,
            self._gone.set,
        )
        self._stream = opened.stream
        self._intake.begin(opened.rate)
        try:
            opened.stream.start()
        except self._sounddevice.PortAudioError as error:
            self._close()
            raise explain(error, self.label) from error

    def _callback(self, frames: NDArray[Any], count: int, _: Any, status: Any) -> None:
        """PortAudio's real-time thread: (count, channels)."""
        if status.input_overflow:
            self.counters.overflows += 1
        self._intake.write(as_float(frames))

    def _close(self) -> None:
        """The stream has ended; closing it waits until its thread has."""
        # A device that has vanished may fail to close: there is nothing left to save then.
        if self._stream is not None:
            with contextlib.suppress(self._sounddevice.PortAudioError):
                self._stream.close()
            self._stream = None
        self._intake.end()
        self._gone.clear()

    def _watch(self) -> None:
        """The watching thread: until the stream is left or the device is gone for good."""
        failure = AudioDeviceError(
            f"{self.label}: the microphone stopped delivering audio",
            "was it unplugged? Plug it in and start again",
        )
        pause = self._patience.first_pause
        try:
            while True:
                heard = self._listen()
                self._close()
                if self._closing.is_set() or not self._reconnect:
                    return
                if heard:
                    _log.debug("%s: the microphone is gone", self.label)
                    pause = self._patience.first_pause
                pause = self._wait_and_reopen(pause)
        except Exception as error:
            # A thread that died without a word would leave a stream that waits for ever.
            failure = AudioDeviceError(f"{self.label}: watching the microphone failed: {error}")
            raise
        finally:
            self._intake.close(failure)

    def _listen(self) -> bool:
        """Until the device is gone or the stream is left; whether any audio came."""
        begun = seen = self.counters.frames
        pauses = 0
        while not self._closing.is_set() and not self._gone.wait(self._patience.tick):
            frames = self.counters.frames
            pauses = pauses + 1 if frames == seen else 0
            seen = frames
            if pauses == SILENT_PAUSES:
                break
        return self.counters.frames > begun

    def _wait_and_reopen(self, pause: float) -> float:
        """Try until the device is open again or the stream is left; the pause to go on with."""
        reason = ""
        while not self._closing.wait(pause):
            pause = self._patience.pause_after(pause)
            try:
                self._reopen()
            except EdgeSerError as error:
                if str(error) != reason:
                    reason = str(error)
                    _log.info("still waiting: %s", reason)
            else:
                _log.debug("%s: the microphone is open again", self.label)
                break
        return pause

    def _reopen(self) -> None:
        """Look for the device under its name; its number may be another one now."""
        restart_portaudio(self._sounddevice)
        self._device = find_again(self._device, input_devices(self._sounddevice))
        self._open()
