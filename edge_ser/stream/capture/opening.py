"""Opening a microphone as it can be opened: rate, channels and sample format are negotiated.

PortAudio converts sample formats, so nearly every device gives float32; the integers are asked
for where it cannot. Packed 24 bits are not asked for: PortAudio has a converter to 32 bits
wherever it has one to 24.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EdgeSerError
from edge_ser.stream.capture.devices import InputDevice
from edge_ser.stream.capture.portaudio import code_of, explain

INVALID_CHANNELS = -9998
INVALID_RATE = -9997
FORMAT_NOT_SUPPORTED = -9994

USUAL_RATES = (48_000.0, 44_100.0, 16_000.0, 32_000.0, 96_000.0, 8_000.0)
"""Tried in turn when a device refuses the rate that it calls its default."""

PREFERRED_CHANNELS = 2
"""Virtual devices offer 32 or more copies of the same signal; more than two help nobody."""

SAMPLE_FORMATS = ("float32", "int32", "int16")


@dataclass(frozen=True)
class OpenedInput:
    """A stream that has not been started.

    Attributes:
        stream: sounddevice's `InputStream`.
        rate, channels, sample_format: what the device agreed to.
    """

    stream: Any
    rate: float
    channels: int
    sample_format: str


def open_input(
    sounddevice: ModuleType,
    device: InputDevice,
    rate: float | None,
    channels: int | None,
    callback: Callable[..., None],
    on_finished: Callable[[], None],
) -> OpenedInput:
    """The first combination that the device takes.

    Args:
        rate, channels: the user's; None tries what the device prefers, then usual ones.
        callback, on_finished: of PortAudio's thread, see `sounddevice.InputStream`.

    Raises:
        AudioDeviceError: none was taken, or the device cannot be opened at all.
    """
    untried: dict[int, list[Any]] = {
        INVALID_RATE: [rate] if rate else _unique(device.rate, *USUAL_RATES),
        INVALID_CHANNELS: [channels]
        if channels
        else _unique(min(device.channels, PREFERRED_CHANNELS), 1, device.channels),
        FORMAT_NOT_SUPPORTED: list(SAMPLE_FORMATS),
    }
    while True:
        trying = {code: values[0] for code, values in untried.items()}
        try:
            stream = sounddevice.InputStream(
                device=device.index,
                samplerate=trying[INVALID_RATE],
                channels=trying[INVALID_CHANNELS],
                dtype=trying[FORMAT_NOT_SUPPORTED],
                latency="high",
                callback=callback,
                finished_callback=on_finished,
            )
        except sounddevice.PortAudioError as error:
            refused = untried.get(code_of(error) or 0)
            if refused is None or len(refused) == 1:
                raise _refusal(error, device, rate, channels) from error
            del refused[0]
        else:
            return OpenedInput(
                stream,
                trying[INVALID_RATE],
                trying[INVALID_CHANNELS],
                trying[FORMAT_NOT_SUPPORTED],
            )


def as_float(frames: NDArray[Any]) -> NDArray[np.float32]:
    """(n, channels) of any of `SAMPLE_FORMATS` as float32, full scale 1.0."""
    if frames.dtype == np.float32:
        return frames
    return frames.astype(np.float32) / np.float32(-float(np.iinfo(frames.dtype).min))


def _refusal(
    error: Exception, device: InputDevice, rate: float | None, channels: int | None
) -> EdgeSerError:
    """The sentence, with the user's own wish named if that was what failed."""
    explained = explain(error, device.name)
    code = code_of(error)
    if code == INVALID_RATE and rate:
        explained.hint = (
            f"leave the rate of {rate:g} Hz out: the microphone prefers {device.rate:g} Hz, "
            "and any rate is resampled"
        )
    if code == INVALID_CHANNELS and channels:
        explained.hint = (
            f"leave the {channels} channels out: the microphone has {device.channels}, "
            "and their mean is heard"
        )
    return explained


def _unique(*values: Any) -> list[Any]:
    """In order, each once."""
    return list(dict.fromkeys(values))
