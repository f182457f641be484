"""A bad telephone line: dynamics compressed, a narrow band, noise above it.

The public suite sends speech through the AMR-NB codec at 7.4 kbit/s, which needs an ffmpeg that
can encode it, and compresses with the program sox. Neither comes with Python, and a figure must
not depend on what a machine has installed: so here the codec is its band (8 kHz sampling, 200 to
3400 Hz), without its coding noise, and the compressor is written out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from edge_ser import SAMPLE_RATE
from edge_ser.evaluation.robustness.levels import at_full_scale, at_level_of
from edge_ser.evaluation.robustness.perturbation import PHONE, Perturbation, Signal

PHONE_RATE = 8_000
BAND_HZ = (200.0, 3_400.0)
BAND_ORDER = 6
THRESHOLD_DB = -20.0
SLOPE = 0.8
ATTACK_SECONDS, RELEASE_SECONDS = 0.01, 0.02
NOISE_DB = -25.0
NOISE_HIGH_PASS_HZ = 3_000.0


def low_quality_phone(signal: Signal, random: Generator) -> Signal:
    """Compressor, telephone band, pink noise with a peak of -25 dB above 3 kHz; same level."""
    if not signal.any():
        return signal
    narrow = at_full_scale(resample_poly(at_full_scale(signal), 1, SAMPLE_RATE // PHONE_RATE))
    line = _telephone_band(compress(narrow, PHONE_RATE))
    wide = at_full_scale(resample_poly(line, SAMPLE_RATE // PHONE_RATE, 1)[: len(signal)])
    return at_level_of(signal, wide + _hiss(len(wide), random))


def compress(signal: Signal, rate: int) -> Signal:
    """Levels below -20 dB are raised by 4 dB, those above by less, and 0 dB stays.

    Args:
        signal: (samples,), peak at most 1.
        rate: Hz.

    Returns:
        (samples,), within [-1, 1]: onsets faster than the attack are clipped.
    """
    level_db = 20 * np.log10(np.maximum(envelope(signal, rate), 1e-6))
    gain_db = -(1 - SLOPE) * np.clip(level_db, THRESHOLD_DB, 0)
    return np.clip(signal * 10 ** (gain_db / 20), -1, 1).astype(np.float32)


def envelope(signal: Signal, rate: int) -> NDArray[np.float64]:
    """The magnitude, followed within 10 ms when it rises and within 20 ms when it falls."""
    rise = 1 - math.exp(-1 / (rate * ATTACK_SECONDS))
    fall = 1 - math.exp(-1 / (rate * RELEASE_SECONDS))
    followed = np.empty(len(signal))
    level = 0.0
    for index, magnitude in enumerate(np.abs(signal).tolist()):
        level += (rise if magnitude > level else fall) * (magnitude - level)
        followed[index] = level
    return followed


def _telephone_band(signal: Signal) -> Signal:
    sections = butter(BAND_ORDER, BAND_HZ, "bandpass", fs=PHONE_RATE, output="sos")
    return sosfilt(sections, signal).astype(np.float32)


def _hiss(samples: int, random: Generator) -> NDArray[np.float64]:
    """Pink noise whose peak is at -25 dB, of which only what lies above 3 kHz is kept."""
    pink = pink_noise(samples, random)
    sections = butter(2, NOISE_HIGH_PASS_HZ, "highpass", fs=SAMPLE_RATE, output="sos")
    hiss: NDArray[np.float64] = sosfilt(sections, pink * 10 ** (NOISE_DB / 20))
    return hiss


def pink_noise(samples: int, random: Generator) -> Signal:
    """(samples,) with a power spectrum of 1/f, no mean and a peak of 1; one sample gives 0."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    spectrum[0] = 0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    return at_full_scale(np.fft.irfft(spectrum, samples))


TELEPHONE = (
    Perturbation(
        "low-quality phone",
        PHONE,
        "compressor, 200 to 3400 Hz, pink noise of -25 dB above 3 kHz, at the clip's level",
        low_quality_phone,
    ),
)
