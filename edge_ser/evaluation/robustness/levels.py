"""Levels of signals: the arithmetic that noise, telephone, tilt and rooms share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ser.evaluation.robustness.perturbation import Signal


def rms(signal: NDArray[np.floating]) -> float:
    """Root mean square; 0 for silence."""
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))


def add_at_snr(signal: Signal, noise: NDArray[np.floating], snr_db: float) -> Signal:
    """Signal plus noise of the same length, at a ratio of their powers over the whole clip.

    Silence stays silence: there is no level that the noise could be relative to.
    """
    noise_level = rms(noise)
    if noise_level == 0:
        return signal
    scale = rms(signal) / noise_level * 10 ** (-snr_db / 20)
    return (signal + scale * noise).astype(np.float32)


def at_level_of(reference: Signal, signal: NDArray[np.floating]) -> Signal:
    """The signal at the reference's RMS, softer where it would otherwise exceed full scale."""
    level = rms(signal)
    if level == 0:
        return signal.astype(np.float32)
    levelled = signal * (rms(reference) / level)
    return (levelled / max(1.0, float(np.abs(levelled).max()))).astype(np.float32)


def at_full_scale(signal: NDArray[np.floating]) -> Signal:
    """The signal with a peak of 1; silence stays silence."""
    peak = float(np.abs(signal).max())
    return (signal / peak if peak > 0 else signal).astype(np.float32)
