"""What happens to speech before it reaches a model in the field, as seeded functions of a clip.

Numpy alone, so that the report runs on a device. These probe the *quantised* models: each is
compared with the float model on the same perturbed audio. How far a perturbation moves the
float model itself is robustness, which `edge-ser evaluate --suite full` measures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.drift.measure import ClipSet, DriftClip

Signal = NDArray[np.float32]
"""(samples,) float32, 16 kHz, about [-1, 1]."""

TELEPHONE_HZ = (300.0, 3_400.0)


@dataclass(frozen=True)
class Perturbation:
    """A named change of a clip.

    Attributes:
        name: short, for tables.
        description: what exactly is done.
        apply: (signal, generator) -> signal.
    """

    name: str
    description: str
    apply: Callable[[Signal, Generator], Signal]


def gain(signal: Signal, decibel: float) -> Signal:
    """Louder or softer, clipped at full scale as a converter would."""
    return np.clip(signal * np.float32(10 ** (decibel / 20)), -1, 1)


def white_noise(signal: Signal, random: Generator, snr_db: float) -> Signal:
    """Additive Gaussian noise at a signal-to-noise ratio over the whole clip."""
    power = np.mean(np.square(signal, dtype=np.float64)) * 10 ** (-snr_db / 10)
    noise = random.standard_normal(len(signal)) * np.sqrt(power)
    return (signal + noise).astype(np.float32)


def telephone(signal: Signal) -> Signal:
    """Only 300 to 3400 Hz, a brick wall over the clip's spectrum."""
    low, high = TELEPHONE_HZ
    spectrum = np.fft.rfft(signal)
    hertz = np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE)
    spectrum[(hertz < low) | (hertz > high)] = 0
    return np.fft.irfft(spectrum, len(signal)).astype(np.float32)


def middle(signal: Signal, seconds: float) -> Signal:
    """The middle of the clip; all of it when it is shorter."""
    samples = round(seconds * SAMPLE_RATE)
    start = max(0, (len(signal) - samples) // 2)
    return signal[start : start + samples]


def then_silence(signal: Signal, speech_seconds: float, total_seconds: float) -> Signal:
    """The middle of the clip followed by exact zeros: (total_seconds * 16000,)."""
    padded = np.zeros(round(total_seconds * SAMPLE_RATE), np.float32)
    speech = middle(signal, speech_seconds)
    padded[: len(speech)] = speech
    return padded


PERTURBATIONS = (
    Perturbation("gain +12 dB", "12 dB louder, clipped at full scale", lambda s, _: gain(s, 12)),
    Perturbation("gain -12 dB", "12 dB softer", lambda s, _: gain(s, -12)),
    Perturbation(
        "noise 20 dB", "white noise at 20 dB SNR", lambda s, random: white_noise(s, random, 20)
    ),
    Perturbation("telephone", "300 to 3400 Hz only", lambda s, _: telephone(s)),
    Perturbation("1 s clip", "the middle second of the clip alone", lambda s, _: middle(s, 1)),
    Perturbation(
        "1 s + silence",
        "the middle second followed by 4 s of digital silence",
        lambda s, _: then_silence(s, 1, 5),
    ),
)


@dataclass(frozen=True)
class PerturbedClips:
    """Clips under a perturbation; can be gone through as often as the clips themselves.

    Attributes:
        clips: unperturbed.
        perturbation: the change.
        seed: with a clip's name it decides all randomness, whatever the order of clips.
    """

    clips: ClipSet
    perturbation: Perturbation
    seed: int

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[DriftClip]:
        for clip in self.clips:
            digest = hashlib.sha256(clip.name.encode()).digest()
            random = np.random.default_rng([self.seed, int.from_bytes(digest[:8], "little")])
            yield DriftClip(clip.name, self.perturbation.apply(clip.audio, random))
