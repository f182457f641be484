"""Spectral tilt: amplitude that rises or falls linearly with frequency, at the clip's level.

The public suite convolves with two impulse responses of 1024 samples. Their measured amplitude
is f / 4 kHz (upward, +6 dB per octave) and 1 - f / 8 kHz (downward); these filters are designed
from those two lines.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import fftconvolve, firwin2

from edge_ser import SAMPLE_RATE
from edge_ser.evaluation.robustness.levels import at_level_of
from edge_ser.evaluation.robustness.perturbation import TILT, Perturbation, Signal

TAPS = 1_023
"""Odd: a linear phase of whole samples, which the convolution takes out again."""


def tilt(signal: Signal, _: Generator, upward: bool) -> Signal:
    """The signal through the filter, as long, as loud and in time with it."""
    filtered = fftconvolve(np.pad(signal, TAPS // 2), impulse_response(upward), mode="valid")
    return at_level_of(signal, filtered)


@cache
def impulse_response(upward: bool) -> NDArray[np.float64]:
    """(TAPS,), symmetric; amplitude 0 to 1 (upward) or 1 to 0 from 0 Hz to 8 kHz."""
    ends = (0.0, 1.0) if upward else (1.0, 0.0)
    # firwin2 gives an odd, symmetric filter any gain at 8 kHz.
    taps: NDArray[np.float64] = firwin2(TAPS, (0, SAMPLE_RATE / 2), ends, fs=SAMPLE_RATE)
    return taps


SPECTRAL_TILTS = (
    Perturbation(
        "downward tilt", TILT, "amplitude falls from 1 at 0 Hz to 0 at 8 kHz, at the clip's level",
        partial(tilt, upward=False),
    ),
    Perturbation(
        "upward tilt", TILT, "amplitude rises from 0 at 0 Hz to 1 at 8 kHz, at the clip's level",
        partial(tilt, upward=True),
    ),
)  # fmt: skip
