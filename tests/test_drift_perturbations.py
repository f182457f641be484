"""Perturbations do what their names say, and randomness hangs on seed and clip name only."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ser.drift.measure import DriftClip
from edge_ser.drift.perturbations import (
    PERTURBATIONS,
    PerturbedClips,
    gain,
    middle,
    telephone,
    then_silence,
    white_noise,
)

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def energy(signal: NDArray[np.float32]) -> float:
    return float(np.sum(np.square(signal, dtype=np.float64)))


def test_gain_is_in_decibel_and_clips() -> None:
    assert energy(gain(tone(440), -12)) / energy(tone(440)) == pytest.approx(10**-1.2, rel=1e-4)
    assert np.abs(gain(tone(440), 12)).max() == 1.0


def test_noise_has_the_asked_level() -> None:
    signal = tone(440, 10)
    noisy = white_noise(signal, np.random.default_rng(0), 20)
    assert 10 * np.log10(energy(signal) / energy(noisy - signal)) == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize(("hertz", "kept"), [(100, 0), (1_000, 1), (3_000, 1), (5_000, 0)])
def test_telephone_keeps_its_band(hertz: float, kept: float) -> None:
    share = energy(telephone(tone(hertz))) / energy(tone(hertz))
    assert share == pytest.approx(kept, abs=1e-3)


def test_middle_and_silence() -> None:
    ramp = np.arange(3 * RATE, dtype=np.float32)
    assert np.array_equal(middle(ramp, 1), ramp[RATE : 2 * RATE])
    assert np.array_equal(middle(ramp[:100], 1), ramp[:100])
    padded = then_silence(ramp, 1, 5)
    assert len(padded) == 5 * RATE
    assert np.array_equal(padded[:RATE], ramp[RATE : 2 * RATE])
    assert not padded[RATE:].any()


@pytest.mark.parametrize("perturbation", PERTURBATIONS, ids=lambda p: p.name)
def test_repeatable_and_independent_of_order(perturbation: object) -> None:
    clips = [DriftClip("a", tone(440, 2)), DriftClip("b", tone(500, 2))]
    forward = {c.name: c.audio for c in PerturbedClips(clips, perturbation, 7)}  # type: ignore[arg-type]
    backward = {c.name: c.audio for c in PerturbedClips(clips[::-1], perturbation, 7)}  # type: ignore[arg-type]
    for name, audio in forward.items():
        assert audio.dtype == np.float32
        assert np.array_equal(audio, backward[name])
        assert not np.array_equal(audio, tone(440 if name == "a" else 500, 2))


def test_seed_and_name_change_the_noise() -> None:
    noise = next(p for p in PERTURBATIONS if p.name.startswith("noise"))
    first, second = PerturbedClips([DriftClip("a", tone(440)), DriftClip("b", tone(440))], noise, 0)
    (other,) = PerturbedClips([DriftClip("a", tone(440))], noise, 1)
    assert not np.array_equal(first.audio, second.audio)
    assert not np.array_equal(first.audio, other.audio)
