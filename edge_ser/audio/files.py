"""Reading audio files as mono 16 kHz float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.errors import EnvironmentMissing, InputError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au")


def read_audio(path: Path) -> NDArray[np.float32]:
    """Decode, mix to mono, resample.

    Args:
        path: any file libsndfile reads.

    Returns:
        (samples,) float32 at 16 kHz, about [-1, 1].

    Raises:
        InputError: missing, unreadable, empty, or with values that are not finite.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise EnvironmentMissing(
            f"reading audio files needs soundfile: {error}", "pip install 'edge-ser[audio]'"
        ) from error
    if not path.is_file():
        raise InputError(f"no audio file {path}")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be read as audio: {error}",
            f"supported: {', '.join(AUDIO_SUFFIXES)}",
        ) from error
    mono = samples.mean(axis=1)
    if len(mono) == 0:
        raise InputError(f"{path} holds no samples")
    if not np.isfinite(mono).all():
        raise InputError(f"{path} holds samples that are not finite numbers")
    return resample(mono, rate, SAMPLE_RATE)


def resample(samples: NDArray[np.float32], rate: float, new_rate: float) -> NDArray[np.float32]:
    """Band-limited resampling of a whole signal, (samples,) -> (about samples * new / rate,)."""
    if rate == new_rate:
        return samples
    try:
        import soxr
    except ImportError as error:
        raise EnvironmentMissing(
            f"audio at {rate:g} Hz needs soxr to become {new_rate:g} Hz",
            "pip install 'edge-ser[audio]'",
        ) from error
    resampled: NDArray[np.float32] = soxr.resample(samples, rate, new_rate)
    return resampled
