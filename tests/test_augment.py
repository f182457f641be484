"""Augmentation: levels, bands and lengths are what they claim; equal seeds give equal audio."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from conftest import synthetic_speech
from numpy.random import Generator

from edge_ser.audio import augment
from edge_ser.audio.augment import Signal

SPEECH = synthetic_speech(2.0)


def test_noise_arrives_at_the_stated_snr() -> None:
    noise = np.random.default_rng(1).standard_normal(5_000).astype(np.float32)
    noisy = augment.add_at_snr(SPEECH, noise, 12.0)
    added = (noisy - SPEECH).astype(np.float32)
    measured = 20 * np.log10(augment.rms(SPEECH) / augment.rms(added))
    assert measured == pytest.approx(12.0, abs=0.01)


def test_mixing_weighs_equal_levels() -> None:
    loud, quiet = 10 * SPEECH, 0.01 * synthetic_speech(2.0, seed=3)
    mixed = augment.mix(loud, quiet, 0.75)
    expected = 0.75 * loud / augment.rms(loud) + 0.25 * quiet / augment.rms(quiet)
    assert np.allclose(mixed, expected, atol=1e-5)


def test_repetition_fills_without_zeros() -> None:
    filled = augment.repeat_to(np.array([1, 2, 3], np.float32), 8)
    assert filled.tolist() == [1, 2, 3, 1, 2, 3, 1, 2]


def test_crop_is_a_stretch_of_the_signal() -> None:
    crop = augment.random_crop(np.arange(100, dtype=np.float32), 10, np.random.default_rng(0))
    assert len(crop) == 10
    assert (np.diff(crop) == 1).all()


def test_low_pass_removes_the_top() -> None:
    white = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(augment.low_pass(white, np.random.default_rng(5)))) ** 2
    assert spectrum[-500:].mean() < 0.05 * spectrum[:3_000].mean()


@pytest.mark.parametrize(
    "step",
    [
        augment.change_speed,
        augment.tilt,
        augment.low_pass,
        augment.high_pass,
        augment.reverberate,
        lambda signal, random: augment.degrade(signal, [], random),
    ],
)
def test_every_step_is_finite_float32_and_seeded(
    step: Callable[[Signal, Generator], Signal],
) -> None:
    first = step(SPEECH, np.random.default_rng(7))
    again = step(SPEECH, np.random.default_rng(7))
    other = step(SPEECH, np.random.default_rng(8))
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert len(other) != len(first) or not np.array_equal(first, other)


def test_degraded_audio_fits_full_scale_even_from_silence() -> None:
    for seed in range(20):
        assert np.abs(augment.degrade(SPEECH, [SPEECH], np.random.default_rng(seed))).max() <= 1
    assert np.isfinite(augment.degrade(0 * SPEECH, [], np.random.default_rng(0))).all()
