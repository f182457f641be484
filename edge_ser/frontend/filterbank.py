"""The constant matrices of the front-end, in float64: windowed DFT basis and mel bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ser.frontend.spec import FrontEndSpec

_LINEAR_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1_000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def hann(length: int) -> NDArray[np.float64]:
    """Periodic Hann window, (length,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def dft_basis(spec: FrontEndSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Windowed cosine and minus-sine rows, each (bins, n_fft)."""
    angle = 2 * np.pi * np.outer(np.arange(spec.bins), np.arange(spec.n_fft)) / spec.n_fft
    window = hann(spec.n_fft)
    return np.cos(angle) * window, -np.sin(angle) * window


def _hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz / _LINEAR_HZ_PER_MEL, above)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, above)


def mel_matrix(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Triangular bands, (n_mels, bins); Slaney's Auditory Toolbox (1998), as librosa's default.

    A band narrower than the DFT's resolution may hold no bin; its row is zero.
    """
    ends = _hz_to_mel(np.array([spec.fmin, spec.fmax]))
    edges = _mel_to_hz(np.linspace(ends[0], ends[1], spec.n_mels + 2))
    bins_hz = np.linspace(0, spec.sample_rate / 2, spec.bins)
    rising = (bins_hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins_hz) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]
