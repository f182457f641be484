"""A microphone through PortAudio: callback → ring buffer → whoever reads.

The callback mixes and copies into fixed memory and adds to counters, nothing else: it never
waits, whatever inference or the terminal do. A watching thread notices when the device is gone
(PortAudio ends the stream, or nothing arrives any more) and opens it again when it is back; the
reader never waits for that. Only the microphone of the same name is opened again: another one
would change what is measured without a word. The device is also opened anew when this process
itself stood still so long that the sound server must have thrown audio away, which nobody else
would notice.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from edge_ser.errors import AudioDeviceError, EdgeSerError
from edge_ser.stream.capture.devices import InputDevice, find_again, input_devices
from edge_ser.stream.capture.fed_source import FedSource
from edge_ser.stream.capture.intake import Intake
from edge_ser.stream.capture.opening import as_float, open_input
from edge_ser.stream.capture.portaudio import explain, restart_portaudio
from edge_ser.stream.capture.silence import PAUSE_SECONDS, SILENT_PAUSES, STANDSTILL_SECONDS

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
        return min(max(2 * pause, self.first_pause), self.longest_pause)


def seconds_awake_and_asleep() -> float:
    """A monotonic clock that goes on while the computer sleeps, where the system has one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Microphone(FedSource):
    """A `Source` of live audio.

    Args:
        sounddevice: the module, from `load_portaudio` (or a stand-in).
        device: what to open.
        rate, channels: to open it with; None takes what it prefers.
        reconnect: wait for it when it vanishes; False ends with an error.
        patience: see there.
        clock: seconds, monotonic.
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
        clock: Callable[[], float] = seconds_awake_and_asleep,
    ) -> None:
        super().__init__(Intake(rate or device.rate))
        self._sounddevice = sounddevice
        self._device = device
        self._wanted_rate = rate
        self._wanted_channels = channels
        self._reconnect = reconnect
        self._patience = patience
        self._clock = clock
        self._stream: Any = None
        # Set when what the device still delivers does not belong to what came before.
        self._deaf = False
        self._closing = threading.Event()
        self._gone = threading.Event()
        self._watcher = threading.Thread(target=self._run, name="microphone", daemon=True)

    @property
    def label(self) -> str:
        """The device's name."""
        return self._device.name

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
        self._deaf = False
        self._intake.begin(opened.rate)
        try:
            opened.stream.start()
        except self._sounddevice.PortAudioError as error:
            self._close()
            raise explain(error, self.label) from error

    def _callback(self, frames: NDArray[Any], count: int, _: Any, status: Any) -> None:
        """PortAudio's real-time thread: (count, channels)."""
        if self._deaf:
            return
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

    def _run(self) -> None:
        """The watching thread."""
        with self._feeding("watching the microphone"):
            try:
                self._watch()
            finally:
                self._close()
            raise AudioDeviceError(
                f"{self.label}: the microphone stopped delivering audio",
                "was it unplugged? Plug it in and start again",
            )

    def _watch(self) -> None:
        """Until the stream is left or the device is gone for good."""
        pause = self._patience.first_pause
        while not self._closing.is_set():
            frames = self.counters.frames
            missing = self._listen()
            self._close()
            self._intake.lose(missing)
            if missing and not self._reconnect:
                self._reopen()
                continue
            if self._closing.is_set() or not self._reconnect:
                return
            if missing:
                pause = 0.0
            elif self.counters.frames > frames:
                pause = self._patience.first_pause
            pause = self._wait_and_reopen(pause)

    def _listen(self) -> int:
        """Until the device is gone, the stream is left, or this process has stood still.

        Returns:
            Frames that are missing because it stood still: the sound server has thrown them away
            and says nothing. Otherwise 0.
        """
        seen, looked, pauses = self.counters.frames, self._clock(), 0
        while not self._closing.is_set() and not self._gone.wait(self._patience.tick):
            frames, now = self.counters.frames, self._clock()
            if now - looked > self._patience.tick + STANDSTILL_SECONDS:
                self._deaf = True
                _log.warning("%s: this process stood still for %.0f s", self.label, now - looked)
                return max(1, round((now - looked) * self.rate) - (frames - seen))
            pauses = pauses + 1 if frames == seen else 0
            if pauses == SILENT_PAUSES:
                break
            seen, looked = frames, now
        return 0

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
