"""The front-end in numpy, for devices without torch; with float64 it is the reference."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from edge_ser.frontend.filterbank import hann, mel_matrix
from edge_ser.frontend.spec import FrontEndSpec

_BLOCK = 256
"""Frames per step: keeps the float64 intermediates under 1 MB whatever the clip's length."""


@lru_cache(maxsize=8)
def _constants(spec: FrontEndSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return hann(spec.n_fft), mel_matrix(spec).T.copy()


def normalise_level(audio: NDArray[Any], spec: FrontEndSpec) -> NDArray[np.float64]:
    """Zero mean and unit variance over the clip, (samples,) -> (samples,)."""
    signal = np.asarray(audio, dtype=np.float64)
    return (signal - signal.mean()) / np.sqrt(signal.var() + spec.level_eps)


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
    padded = np.concatenate([np.zeros(spec.left_pad), normalise_level(audio, spec)])
    framed = sliding_window_view(padded, spec.n_fft)[:: spec.hop][:frames]
    output = np.empty((frames, spec.n_mels), dtype)
    for start in range(0, frames, _BLOCK):
        block = slice(start, start + _BLOCK)
        output[block] = _normalised_decibel(framed[block], spec)
    return output


def _normalised_decibel(framed: NDArray[np.float64], spec: FrontEndSpec) -> NDArray[np.float64]:
    window, mel = _constants(spec)
    spectrum = np.fft.rfft(framed * window, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    decibel = 10 * np.log10(np.maximum(power @ mel, spec.log_floor))
    return (decibel - spec.mean_db) / spec.std_db
