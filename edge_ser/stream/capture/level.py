"""Level and clipping of a block of samples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FLOOR_DBFS = -120.0
"""Reported for digital silence, whose level in dB would be minus infinity."""

FULL_SCALE = 32767 / 32768
"""Largest magnitude that a 16-bit microphone delivers; at or above it a sample has clipped."""


def decibels(magnitude: float) -> float:
    """Magnitude relative to full scale 1.0, in dB, not below the floor.

    Examples:
        >>> decibels(1.0), round(decibels(0.5), 2), decibels(0.0)
        (0.0, -6.02, -120.0)
    """
    return max(FLOOR_DBFS, 20 * math.log10(magnitude)) if magnitude > 0 else FLOOR_DBFS


def rms_dbfs(samples: NDArray[np.float32]) -> float:
    """Level of (samples,); a full-scale sine has -3.01; empty input has the floor."""
    if len(samples) == 0:
        return FLOOR_DBFS
    return decibels(math.sqrt(float(np.mean(np.square(samples, dtype=np.float64)))))


def peak_dbfs(samples: NDArray[np.float32]) -> float:
    """Largest magnitude of (samples,) in dB relative to full scale."""
    return decibels(float(np.max(np.abs(samples)))) if len(samples) else FLOOR_DBFS


def count_clipped(samples: NDArray[np.float32]) -> int:
    """Samples at or beyond full scale."""
    return int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))
