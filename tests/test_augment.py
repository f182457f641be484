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


def test_an_equaliser_is_smooth_and_bounded() -> None:
    impulse = np.zeros(16_000, np.float32)
    impulse[0] = 1
    responses = np.array(
        [
            20 * np.log10(np.abs(np.fft.rfft(augment.equalise(impulse, np.random.default_rng(k)))))
            for k in range(50)
        ]
    )
    assert np.abs(responses).max() <= 24.001
    octaves = responses[:, [125, 250, 500, 1_000, 2_000, 4_000]]  # 1 Hz per bin
    slopes = np.diff(octaves, axis=1)
    assert np.abs(slopes).max() < 6 + 4 * 2 * 2**0.5  # 6 dB per octave and bumps of 4 sigma
    assert octaves[:, -1].std() > 5  # it does something


def test_a_telephone_keeps_its_band_only() -> None:
    white = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(augment.telephone(white, np.random.default_rng(3)))) ** 2
    band, outside = spectrum[1_000:5_500].mean(), spectrum[12_000:].mean()  # 0.5 Hz per bin
    assert outside < 0.01 * band


def test_only_a_wanted_channel_is_applied() -> None:
    plain = augment.degrade(SPEECH, [], np.random.default_rng(4))
    never = augment.degrade(SPEECH, [], np.random.default_rng(4), channel=0.0)
    always = augment.degrade(SPEECH, [], np.random.default_rng(4), channel=1.0)
    assert np.array_equal(plain, never)
    assert not np.array_equal(plain, always)


@pytest.mark.parametrize(
    "step",
    [
        augment.change_speed,
        augment.tilt,
        augment.equalise,
        augment.telephone,
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
