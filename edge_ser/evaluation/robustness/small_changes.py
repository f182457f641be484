"""Small changes that a listener hardly notices; auglib's transforms where they do the work.

The public suite draws one strength for each clip from three (gain: four) and so do these.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator

from edge_ser import SAMPLE_RATE
from edge_ser.errors import EnvironmentMissing
from edge_ser.evaluation.robustness.levels import add_at_snr
from edge_ser.evaluation.robustness.perturbation import SMALL, Perturbation, Signal

TONE_HZ = (5_000, 7_000)
TONE_SNR_DB = (40, 45, 50)
SHIFTS = (100, 500, 1_000)
CLIPPED = (0.001, 0.002, 0.003)
GAINS_DB = (-2, -1, 1, 2)
HIGH_PASS_HZ = (50, 100, 150)
LOW_PASS_HZ = (7_500, 7_000, 6_500)
WHITE_SNR_DB = (35, 40, 45)


def additive_tone(signal: Signal, random: Generator) -> Signal:
    """A sine of a whole number of Hz, both ends of the range included."""
    hertz = int(random.integers(TONE_HZ[0], TONE_HZ[1] + 1))
    tone = np.sin(2 * np.pi * hertz / SAMPLE_RATE * np.arange(1, len(signal) + 1))
    return add_at_snr(signal, tone, random.choice(TONE_SNR_DB))


def append_zeros(signal: Signal, random: Generator) -> Signal:
    """Digital silence after the clip."""
    return np.append(signal, np.zeros(random.choice(SHIFTS), np.float32))


def prepend_zeros(signal: Signal, random: Generator) -> Signal:
    """Digital silence before the clip."""
    return np.append(np.zeros(random.choice(SHIFTS), np.float32), signal)


def crop_beginning(signal: Signal, random: Generator) -> Signal:
    """Without its first samples; at least the last one stays."""
    return signal[min(random.choice(SHIFTS), len(signal) - 1) :]


def crop_end(signal: Signal, random: Generator) -> Signal:
    """Without its last samples; at least the first one stays."""
    return signal[: max(len(signal) - random.choice(SHIFTS), 1)]


def clip(signal: Signal, random: Generator) -> Signal:
    """Hard clipping at the level that this share of the samples reaches."""
    if not signal.any():
        return signal
    return _auglib(signal, "ClipByRatio", ratio=float(random.choice(CLIPPED)))


def gain(signal: Signal, random: Generator) -> Signal:
    """Louder or softer, not clipped."""
    return _auglib(signal, "GainStage", gain_db=float(random.choice(GAINS_DB)))


def high_pass(signal: Signal, random: Generator) -> Signal:
    """Butterworth of order 1."""
    return _auglib(signal, "HighPass", cutoff=float(random.choice(HIGH_PASS_HZ)), order=1)


def low_pass(signal: Signal, random: Generator) -> Signal:
    """Butterworth of order 1."""
    return _auglib(signal, "LowPass", cutoff=float(random.choice(LOW_PASS_HZ)), order=1)


def white_noise(signal: Signal, random: Generator) -> Signal:
    """Gaussian noise."""
    snr_db = random.choice(WHITE_SNR_DB)
    return add_at_snr(signal, random.standard_normal(len(signal)), snr_db)


def _auglib(signal: Signal, transform: str, **options: Any) -> Signal:
    try:
        import auglib
    except ImportError as error:
        raise EnvironmentMissing(
            f"robustness needs auglib: {error}", "pip install 'edge-ser[robustness]'"
        ) from error
    changed: Signal = getattr(auglib.transform, transform)(**options)(signal, SAMPLE_RATE)
    return changed.reshape(-1)


_small = partial(Perturbation, group=SMALL)

SMALL_CHANGES = (
    _small("additive tone", description="sine of 5 to 7 kHz at 40, 45 or 50 dB SNR",
           change=additive_tone),
    _small("append zeros", description="100, 500 or 1000 zeros at the end", change=append_zeros),
    _small("clip", description="0.1, 0.2 or 0.3 % of the samples clipped", change=clip),
    _small("crop beginning", description="the first 100, 500 or 1000 samples removed",
           change=crop_beginning),
    _small("crop end", description="the last 100, 500 or 1000 samples removed", change=crop_end),
    _small("gain", description="-2, -1, 1 or 2 dB", change=gain),
    _small("high pass", description="Butterworth of order 1 at 50, 100 or 150 Hz",
           change=high_pass),
    _small("low pass", description="Butterworth of order 1 at 7500, 7000 or 6500 Hz",
           change=low_pass),
    _small("prepend zeros", description="100, 500 or 1000 zeros at the beginning",
           change=prepend_zeros),
    _small("white noise 35-45 dB", description="white noise at 35, 40 or 45 dB SNR",
           change=white_noise),
)  # fmt: skip
