"""The front-end in numpy, for devices without torch; with float64 it is the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from edge_ser.frontend.decibel import normalised_decibel
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.frontend.stream_frontend import StreamLogMel

_BLOCK = 256
"""Frames per step: keeps the float64 intermediates under 1 MB whatever the clip's length."""

_SAMPLES = 8_192
"""Samples per step where a clip's level is measured."""


def log_mel(audio: NDArray[Any], spec: FrontEndSpec, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Normalised log-mel of one clip.

    The arithmetic is float64 whatever the output: numpy's FFT is, and the cancellation
    in weak bands costs float32 up to 4e-4 dB.

    Args:
        audio: (samples,) float, about [-1, 1], at `spec.sample_rate`.
        spec: the front-end.
        dtype: of the result.

    Returns:
        (frames, n_mels), about [-2.5, 3].

    Raises:
        InputError: shorter than one hop.
    """
    frames = spec.frames(len(audio))
    mean, deviation = _level(audio, spec)
    output = np.empty((frames, spec.n_mels), dtype)
    for start in range(0, frames, _BLOCK):
        stop = min(start + _BLOCK, frames)
        signal = np.zeros((stop - start) * spec.hop + spec.left_pad)
        heard = audio[max(0, start * spec.hop - spec.left_pad) : stop * spec.hop]
        # Zeros stand before the first sample of the levelled clip, not of the raw one.
        signal[len(signal) - len(heard) :] = (heard.astype(np.float64) - mean) / deviation
        framed = sliding_window_view(signal, spec.n_fft)[:: spec.hop].copy()
        output[start:stop] = normalised_decibel(framed, spec)
    return output


def causal_log_mel(
    audio: NDArray[Any], spec: FrontEndSpec, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Log-mel of a whole signal with the level that a stream would have had at each frame.

    Arguments, result and errors as `log_mel`.
    """
    frames = spec.frames(len(audio))
    return StreamLogMel(spec, dtype).push(audio[: frames * spec.hop])


def _level(audio: NDArray[Any], spec: FrontEndSpec) -> tuple[float, float]:
    """Mean of a clip and what its samples are divided by, without a float64 copy of it."""
    mean = float(audio.mean(dtype=np.float64))
    starts = range(0, len(audio), _SAMPLES)
    parts = (audio[start : start + _SAMPLES].astype(np.float64) - mean for start in starts)
    power = sum(float(np.dot(part, part)) for part in parts) / len(audio)
    return mean, float(np.sqrt(power + spec.level_eps))
