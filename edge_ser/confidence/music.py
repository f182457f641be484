"""Music-like sound, synthesised: chords, a bass and a beat. No corpus of music is needed.

It has what misleads a speech model: harmonics, onsets at a syllable's rate, pauses. It is no
substitute for recorded songs, and singing is not covered.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE

_SCALE = np.array([0, 2, 4, 5, 7, 9, 11])
_PARTIALS = 8


def music(samples: int, random: Generator) -> NDArray[np.float32]:
    """(samples,) float32 within [-1, 1]: 70 to 160 beats per minute, a new chord every two."""
    beat = int(SAMPLE_RATE * 60 / random.uniform(70, 160))
    root = random.uniform(110, 220)
    decay = random.uniform(1, 6)
    signal = np.zeros(samples + 2 * beat)
    degree = 0
    for number, start in enumerate(range(0, samples, beat)):
        if number % 2 == 0:
            degree = int(random.integers(7))
        notes = [degree, degree + 2, degree + 4] if number % 2 == 0 else [degree + 7]
        tone = sum(_note(_hertz(root, note), 2 * beat, decay, random) for note in notes)
        signal[start : start + 2 * beat] += tone
        signal[start : start + beat] += _drum(beat, random) * (1.5 if number % 4 == 0 else 0.6)
    signal = signal[:samples]
    return (signal / (np.abs(signal).max() + 1e-9)).astype(np.float32)


def _hertz(root: float, note: int) -> float:
    octave, step = divmod(note, len(_SCALE))
    return float(root * 2 ** (octave + _SCALE[step] / 12))


def _note(hertz: float, samples: int, decay: float, random: Generator) -> NDArray[np.float64]:
    time = np.arange(samples) / SAMPLE_RATE
    partials = np.arange(1, _PARTIALS + 1)
    partials = partials[partials * hertz < SAMPLE_RATE / 2]
    weights = random.uniform(0.2, 1, len(partials)) / partials
    waves = np.sin(2 * np.pi * hertz * np.outer(partials, time))
    envelope = np.minimum(time / 0.01, 1) * np.exp(-decay * time)
    result: NDArray[np.float64] = (weights @ waves) * envelope
    return result


def _drum(samples: int, random: Generator) -> NDArray[np.float64]:
    time = np.arange(samples) / SAMPLE_RATE
    noise = random.standard_normal(samples) * np.exp(-60 * time)
    thump = np.sin(2 * np.pi * 60 * time) * np.exp(-15 * time)
    result: NDArray[np.float64] = 0.3 * noise + thump
    return result
