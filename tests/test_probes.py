"""The probe clips: deterministic, varied, exact in 16 bits."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_export.probes import CALM, EXCITED, GOLDEN_CLIPS, probe_clips, speak


@pytest.fixture(scope="module")
def probes() -> dict[str, NDArray[np.float32]]:
    return probe_clips()


def test_two_calls_give_the_same_bytes(probes: dict[str, NDArray[np.float32]]) -> None:
    again = probe_clips()
    assert {k: hashlib.sha256(v.tobytes()).hexdigest() for k, v in probes.items()} == {
        k: hashlib.sha256(v.tobytes()).hexdigest() for k, v in again.items()
    }


def test_every_clip_is_usable_audio(probes: dict[str, NDArray[np.float32]]) -> None:
    for name, clip in probes.items():
        assert clip.dtype == np.float32 and clip.ndim == 1, name
        assert 8_000 <= len(clip) <= 60 * 16_000, name
        assert np.abs(clip).max() <= 1, name


def test_sixteen_bits_hold_every_value(probes: dict[str, NDArray[np.float32]]) -> None:
    for clip in probes.values():
        assert np.array_equal(clip * 32_768, np.rint(clip * 32_768))


def test_the_hard_cases_are_there(probes: dict[str, NDArray[np.float32]]) -> None:
    assert not probes["silence"].any()
    assert not probes["speech-then-silence"][24_000:].any()
    assert (np.abs(probes["clipped-speech"]) >= 0.9999).mean() > 0.05
    assert len(probes["short-speech"]) == 8_000
    assert len(probes["odd-length"]) % 32
    assert np.abs(probes["quiet-speech"]).max() < 0.01


def test_golden_clips_are_probes_and_some_fit_the_fixed_window(
    probes: dict[str, NDArray[np.float32]],
) -> None:
    lengths = [len(probes[name]) for name in GOLDEN_CLIPS]
    assert lengths.count(80_000) >= 3
    assert any(length != 80_000 for length in lengths)


def test_an_excited_voice_is_brighter() -> None:
    def share_above_2_khz(signal: NDArray[np.float64]) -> float:
        power = np.abs(np.fft.rfft(signal)) ** 2
        return float(power[np.fft.rfftfreq(len(signal), 1 / 16_000) > 2_000].sum() / power.sum())

    calm, excited = ([speak(voice, 5.0, seed) for seed in range(4)] for voice in (CALM, EXCITED))
    assert np.mean([*map(share_above_2_khz, excited)]) > np.mean([*map(share_above_2_khz, calm)])
