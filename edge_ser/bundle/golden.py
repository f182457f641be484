"""Golden clips on disk: 16-bit mono WAV at 16 kHz, read and written with the standard library."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused

_FULL_SCALE = 32_768.0


def write_clip(path: Path, audio: NDArray[np.float32]) -> None:
    """Write a clip; what `read_clip` gives back is the audio rounded to 16 bits.

    Args:
        path: of the WAV file.
        audio: (samples,) float, 16 kHz; values outside [-1, 1) are clipped.
    """
    stored = np.clip(np.rint(audio * _FULL_SCALE), -32_768, 32_767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(stored.tobytes())


def read_clip(bundle: Bundle, name: str) -> NDArray[np.float32]:
    """A golden clip of a bundle.

    Returns:
        (samples,) float32, 16 kHz, in [-1, 1).

    Raises:
        BundleRefused: no such clip, or not a 16-bit mono WAV at 16 kHz.
    """
    relative = bundle.manifest.golden.clips.get(name)
    if relative is None:
        raise BundleRefused(f"the bundle has no golden clip {name!r}")
    try:
        with wave.open(io.BytesIO(bundle.read(relative)), "rb") as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise BundleRefused(f"{relative} is not a WAV file: {error}") from error
    if form != (1, 2, SAMPLE_RATE):
        raise BundleRefused(f"{relative} is not 16-bit mono at {SAMPLE_RATE} Hz")
    return np.frombuffer(frames, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)
