"""Probe clips: synthetic signals that exercise a bundle where no corpus is at hand.

Made here, in numpy, from fixed seeds: no third-party audio ships in a bundle. They resemble
speech enough to move the outputs and include what breaks quantised audio models: silence,
clipping, noise, a sweep, very short and very quiet clips. They measure arithmetic, not
accuracy: nobody speaks in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from edge_ser import SAMPLE_RATE

Signal = NDArray[np.float64]

_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))
"""First three formants in Hz of /a i u e/, male means of Peterson and Barney (1952)."""

_BANDWIDTHS = (80, 110, 170)

GOLDEN_CLIPS = ("calm-speech", "excited-speech", "noisy-speech", "short-speech", "silence", "sweep")
"""The probes that go into a bundle as golden clips."""


@dataclass(frozen=True)
class Voice:
    """How a synthetic speaker speaks.

    Attributes:
        pitch: mean fundamental frequency, Hz.
        swing: depth of its slow movement, as a share of `pitch`.
        rate: syllables per second.
        brightness: 0..1; how little the glottal source falls off with frequency.
    """

    pitch: float
    swing: float
    rate: float
    brightness: float


CALM = Voice(pitch=105, swing=0.08, rate=2.8, brightness=0.1)
NEUTRAL = Voice(pitch=150, swing=0.15, rate=4.0, brightness=0.4)
EXCITED = Voice(pitch=240, swing=0.4, rate=5.5, brightness=0.8)


def speak(voice: Voice, seconds: float, seed: int) -> Signal:
    """Formant synthesis: a pulse source through three resonators, syllables with pauses.

    Returns:
        (samples,) with a peak of 0.5.
    """
    random = np.random.default_rng(seed)
    samples = round(seconds * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    contour = np.sin(2 * np.pi * 0.6 * time) + 0.4 * np.sin(2 * np.pi * 2.3 * time)
    phase = np.cumsum(voice.pitch * (1 + voice.swing * contour)) / SAMPLE_RATE
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.003 * random.standard_normal(samples)
    source = lfilter([1.0], [1.0, -(0.98 - 0.5 * voice.brightness)], pulses)
    signal = np.zeros(samples)
    length = round(SAMPLE_RATE / voice.rate)
    for start in range(0, samples, length):
        if random.uniform() < 0.15:
            continue
        part = slice(start, min(start + length, samples))
        shaped = _resonate(source[part], _VOWELS[random.integers(len(_VOWELS))])
        signal[part] = shaped * np.hanning(length)[: len(shaped)] * random.uniform(0.5, 1.0)
    return 0.5 * signal / np.abs(signal).max()


def probe_clips() -> dict[str, NDArray[np.float32]]:
    """Name -> (samples,) float32 at 16 kHz, exact in 16 bits, so that a WAV holds the same."""
    return {name: _sixteen_bit(make()) for name, make in _PROBES.items()}


def _resonate(source: Signal, formants: Sequence[float]) -> Signal:
    for hertz, width in zip(formants, _BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * width / SAMPLE_RATE)
        angle = 2 * np.pi * hertz / SAMPLE_RATE
        poles = [1.0, -2 * radius * np.cos(angle), radius**2]
        source = lfilter([1 - radius], poles, source)
    return source


def _noise(seconds: float, seed: int) -> Signal:
    random = np.random.default_rng(seed)
    return 0.1 * random.standard_normal(round(seconds * SAMPLE_RATE))


def _sweep(seconds: float) -> Signal:
    """Exponential, 50 Hz to 7.5 kHz."""
    low, high = 50.0, 7_500.0
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    growth = np.log(high / low) / seconds
    return 0.3 * np.sin(2 * np.pi * low * (np.exp(growth * time) - 1) / growth)


def _noisy_speech() -> Signal:
    speech = speak(NEUTRAL, 5.0, seed=3)
    noise = _noise(5.0, seed=4)
    ten_decibel = np.sqrt(0.1 * np.mean(speech**2) / np.mean(noise**2))
    return speech + ten_decibel * noise


def _speech_then_silence() -> Signal:
    return np.concatenate([speak(NEUTRAL, 1.5, seed=5), np.zeros(round(3.5 * SAMPLE_RATE))])


def _telephone() -> Signal:
    """First-order 300 Hz high-pass and 3.4 kHz low-pass."""
    low, high = (np.exp(-2 * np.pi * hertz / SAMPLE_RATE) for hertz in (300, 3_400))
    speech = speak(NEUTRAL, 4.0, seed=6)
    return lfilter([1 - high], [1, -high], lfilter([1, -1], [1, -low], speech))


_PROBES: dict[str, Callable[[], Signal]] = {
    "calm-speech": lambda: speak(CALM, 5.0, seed=0),
    "neutral-speech": lambda: speak(NEUTRAL, 5.0, seed=1),
    "excited-speech": lambda: speak(EXCITED, 5.0, seed=2),
    "noisy-speech": _noisy_speech,
    "speech-then-silence": _speech_then_silence,
    "telephone": _telephone,
    "short-speech": lambda: speak(NEUTRAL, 0.5, seed=7),
    "long-speech": lambda: speak(CALM, 12.0, seed=8),
    "odd-length": lambda: speak(EXCITED, 2.3, seed=9)[:-7],
    "quiet-speech": lambda: 0.01 * speak(NEUTRAL, 5.0, seed=10),
    "clipped-speech": lambda: np.clip(10 * speak(EXCITED, 3.0, seed=11), -1, 1),
    "noise": lambda: _noise(5.0, seed=12),
    "sweep": lambda: _sweep(5.0),
    "silence": lambda: np.zeros(5 * SAMPLE_RATE),
}


def _sixteen_bit(signal: Signal) -> NDArray[np.float32]:
    stored = np.clip(np.rint(signal * 32_768), -32_768, 32_767)
    exact: NDArray[np.float32] = (stored / 32_768).astype(np.float32)
    return exact
