"""Every perturbation against its definition, computed here in another way."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import bilinear, freqz

from edge_ser import SAMPLE_RATE
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.evaluation.robustness import GROUPS, PERTURBATIONS, Perturbation, Sources
from edge_ser.evaluation.robustness.background import babble, once
from edge_ser.evaluation.robustness.levels import add_at_snr, at_level_of, rms
from edge_ser.evaluation.robustness.rooms import (
    BOOTH,
    NEAR_CENTRE,
    OTHER_PLACES,
    OTHER_ROOMS,
    Place,
    impulse_response,
)
from edge_ser.evaluation.robustness.suite import perturbations
from edge_ser.evaluation.robustness.telephone import compress, envelope, pink_noise
from edge_ser.evaluation.robustness.tilt import impulse_response as tilt_response

pytest.importorskip("auglib", reason="robustness needs auglib")
pytest.importorskip("pyroomacoustics", reason="robustness needs pyroomacoustics")

Signal = NDArray[np.float32]

ROWS = {each.name: each for each in PERTURBATIONS}
DRAWS = 24
"""Clips, so that every strength of three or four is drawn (missed once in some 10,000 runs)."""


@pytest.fixture(scope="module")
def speech() -> Signal:
    return 0.3 * synthetic_speech(1.5)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Two talkers, two noises, a piece of music, a cough and a sneeze with silence around."""
    folder = tmp_path_factory.mktemp("recordings")
    random = np.random.default_rng(1)

    def write(name: str, signal: NDArray[np.floating]) -> Path:
        soundfile.write(folder / name, signal, SAMPLE_RATE, subtype="FLOAT")
        return folder / name

    burst = np.concatenate([np.zeros(3_000), random.uniform(-0.5, 0.5, 2_000), np.zeros(3_000)])
    return Sources(
        speech=tuple(write(f"talker{n}.wav", synthetic_speech(1.0, n)) for n in (1, 2)),
        environment=tuple(write(f"n{n}.wav", random.normal(0, 0.1, 9_000)) for n in (1, 2)),
        music=(write("music.wav", random.normal(0, 0.1, 40_000)),),
        coughs=(write("cough.wav", burst),),
        sneezes=(write("sneeze.wav", 2 * burst),),
    )


def drawn(name: str, signal: Signal, rows: dict[str, Perturbation] | None = None) -> list[Signal]:
    """The signal perturbed as if it were many clips, so that every strength occurs."""
    row = (rows or ROWS)[name]
    return [row.apply(signal, f"clip{number}") for number in range(DRAWS)]


def snr_db(signal: Signal, perturbed: Signal) -> float:
    """Of what was added."""
    added = perturbed.astype(np.float64) - signal
    return float(10 * np.log10(np.sum(signal.astype(np.float64) ** 2) / np.sum(added**2)))


def snr_after_levelling(signal: Signal, perturbed: Signal) -> float:
    """Of what was added before the mixture was scaled; noise and signal are uncorrelated."""
    clean, mixture = signal.astype(np.float64), perturbed.astype(np.float64)
    share = (clean @ mixture) / (clean @ clean)
    return float(
        10 * np.log10(np.sum((share * clean) ** 2) / np.sum((mixture - share * clean) ** 2))
    )


def test_the_suite_has_the_rows_and_thresholds_of_the_public_one() -> None:
    counts = {group.key: sum(row.group is group for row in PERTURBATIONS) for group in GROUPS}
    assert counts == {"small": 10, "background": 6, "phone": 1, "tilt": 2, "room": 2}
    assert {g.key: g.minimum_unchanged for g in GROUPS} == {
        "small": 0.95, "background": 0.90, "phone": 0.50, "tilt": 0.80, "room": 0.80,
    }  # fmt: skip
    assert len(ROWS) == len(PERTURBATIONS)
    assert [row.name for row in PERTURBATIONS if len(row.published) != 2] == []


def test_tone_lies_between_5_and_7_khz_at_40_45_or_50_db(speech: Signal) -> None:
    found = set()
    for tone in drawn("additive tone", speech):
        found.add(round(snr_db(speech, tone)))
        assert snr_db(speech, tone) == pytest.approx(round(snr_db(speech, tone)), abs=0.05)
        spectrum = np.abs(np.fft.rfft(tone - speech))
        peak = np.argmax(spectrum) * SAMPLE_RATE / len(speech)
        assert 4_999 <= peak <= 7_001
        assert spectrum.max() > 20 * np.median(spectrum)
    assert found == {40, 45, 50}


@pytest.mark.parametrize("name, side", [("append zeros", 1), ("prepend zeros", -1)])
def test_zeros_are_added_at_one_end(speech: Signal, name: str, side: int) -> None:
    found = set()
    for longer in drawn(name, speech):
        count = len(longer) - len(speech)
        found.add(count)
        ends = np.split(longer, [len(speech)]) if side > 0 else np.split(longer, [count])[::-1]
        np.testing.assert_array_equal(ends[0], speech)
        np.testing.assert_array_equal(ends[1], np.zeros(count))
    assert found == {100, 500, 1_000}


def test_crops_remove_one_end(speech: Signal) -> None:
    beginnings = {len(speech) - len(c) for c in drawn("crop beginning", speech)}
    assert beginnings == {100, 500, 1_000}
    for cropped in drawn("crop beginning", speech):
        np.testing.assert_array_equal(cropped, speech[-len(cropped) :])
    for cropped in drawn("crop end", speech):
        np.testing.assert_array_equal(cropped, speech[: len(cropped)])
    assert {len(speech) - len(c) for c in drawn("crop end", speech)} == {100, 500, 1_000}


def test_clipping_flattens_the_loudest_samples(speech: Signal) -> None:
    shares = set()
    for clipped in drawn("clip", speech):
        changed = clipped != speech
        shares.add(round(float(changed.mean()), 4))
        ceiling = np.abs(clipped).max()
        np.testing.assert_allclose(np.abs(clipped[changed]), ceiling, rtol=1e-5)
        assert np.abs(speech[changed]).min() >= ceiling * (1 - 1e-6)
    assert sorted(shares) == pytest.approx([0.001, 0.002, 0.003], abs=2.5e-4)


def test_gain_is_one_or_two_decibel_either_way(speech: Signal) -> None:
    found = set()
    for louder in drawn("gain", speech):
        decibel = 20 * np.log10(rms(louder) / rms(speech))
        found.add(round(decibel))
        np.testing.assert_allclose(louder, speech * 10 ** (round(decibel) / 20), atol=1e-6)
    assert found == {-2, -1, 1, 2}


@pytest.mark.parametrize(
    "name, cutoffs, passed",
    [("high pass", (50, 100, 150), 6_000), ("low pass", (6_500, 7_000, 7_500), 50)],
)
def test_filters_are_butterworths_of_order_1(
    name: str, cutoffs: tuple[int, ...], passed: int
) -> None:
    impulse = np.zeros(SAMPLE_RATE, np.float32)
    impulse[0] = 0.5
    found = set()
    for filtered in drawn(name, impulse):
        gain = 2 * np.abs(np.fft.rfft(filtered))
        cutoff = min(cutoffs, key=lambda hertz: abs(gain[hertz] - 0.5**0.5))
        found.add(cutoff)
        np.testing.assert_allclose(gain, first_order(cutoff, name == "high pass"), atol=2e-3)
        assert gain[cutoff] == pytest.approx(0.5**0.5, abs=2e-3)  # -3 dB
        assert gain[passed] > 0.98
    assert found == set(cutoffs)


def first_order(cutoff: int, high: bool) -> NDArray[np.float64]:
    """Gain at every Hz of the analogue filter of order 1, transformed with its cutoff kept."""
    warped = 2 * SAMPLE_RATE * np.tan(np.pi * cutoff / SAMPLE_RATE)
    zeros, poles = bilinear([1, 0] if high else [warped], [1, warped], SAMPLE_RATE)
    _, response = freqz(zeros, poles, np.arange(SAMPLE_RATE // 2 + 1), fs=SAMPLE_RATE)
    return np.asarray(np.abs(response))


def test_white_noise_reaches_its_ratio_and_is_white(speech: Signal) -> None:
    noisy = drawn("white noise 35-45 dB", speech)
    assert {round(snr_db(speech, each)) for each in noisy} == {35, 40, 45}
    power = np.mean([np.abs(np.fft.rfft((n - speech) / rms(n - speech))) ** 2 for n in noisy], 0)
    bands = power[1:12_001].reshape(8, -1).mean(axis=1)  # of 1 kHz each
    np.testing.assert_allclose(bands / bands.mean(), 1, atol=0.05)
    assert snr_after_levelling(speech, ROWS["white noise 20 dB"].apply(speech, "a")) == (
        pytest.approx(20, abs=0.1)
    )


@pytest.mark.parametrize(
    "name, ratio",
    [("babble", 20), ("environment", 20), ("music", 20), ("coughing", 10), ("sneezing", 10)],
)
def test_background_reaches_its_ratio_at_the_clips_level(
    speech: Signal, recordings: Sources, name: str, ratio: float
) -> None:
    rows = {row.name: row for row in perturbations(recordings)}
    noisy = drawn(name, speech, rows)
    found = [snr_after_levelling(speech, each) for each in noisy]
    # What is recorded may correlate a little with the speech; its sum hardly does.
    assert np.median(found) == pytest.approx(ratio, abs=0.3)
    for each in noisy:
        assert rms(each) == pytest.approx(rms(speech), rel=1e-4)
        assert len(each) == len(speech) and not np.array_equal(each, speech)


def test_synthetic_music_stands_in_for_recordings(speech: Signal) -> None:
    row = ROWS["music"]
    assert not row.missing and "synthetic" in row.description
    assert snr_after_levelling(speech, row.apply(speech, "a")) == pytest.approx(20, abs=0.5)


def test_what_has_no_recordings_is_missing_and_refuses(speech: Signal) -> None:
    missing = [row.name for row in PERTURBATIONS if row.missing]
    assert missing == ["babble", "coughing", "environment", "sneezing"]
    with pytest.raises(InputError, match="no recordings of coughing"):
        ROWS["coughing"].apply(speech, "a")


def test_babble_mixes_four_to_seven_talkers(
    recordings: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def one_talker(files: tuple[Path, ...], samples: int, random: Generator) -> Signal:
        counts[-1] += 1
        return np.ones(samples, np.float32)

    monkeypatch.setattr("edge_ser.evaluation.robustness.background.excerpt", one_talker)
    for seed in range(40):
        counts.append(0)
        mixture = babble(np.zeros(8, np.float32), np.random.default_rng(seed), recordings.speech)
        assert counts[-1] * 10 ** (-20 / 20) <= mixture[0] <= counts[-1] * 10 ** (-13 / 20)
    assert set(counts) == {4, 5, 6, 7}


def test_a_cough_is_heard_once_without_the_silence_around_it(recordings: Sources) -> None:
    signal = np.zeros(24_000, np.float32)
    for seed in range(20):
        track = once(signal, np.random.default_rng(seed), recordings.coughs)
        heard = np.flatnonzero(track)
        assert 0 < len(heard) <= 2_000
        assert heard[-1] - heard[0] < 2_000
        assert heard[-1] == len(signal) - 1 or heard[-1] - heard[0] > 1_900


def test_phone_keeps_its_band_and_puts_noise_above_it(speech: Signal) -> None:
    wide = np.random.default_rng(0).normal(0, 0.1, 4 * SAMPLE_RATE).astype(np.float32)
    heard = ROWS["low-quality phone"].apply(wide, "a")
    assert rms(heard) == pytest.approx(rms(wide), rel=1e-4)
    band = band_db(heard, 500, 3_000)
    assert band_db(heard, 20, 120) < band - 25
    assert -45 < band_db(heard, 5_000, 7_500) - band < -15  # the hiss, not the speech
    assert band_db(heard, 3_900, 4_100) < band - 15


def band_db(signal: Signal, low: float, high: float) -> float:
    """Power density between two frequencies."""
    hertz = np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE)
    power = np.abs(np.fft.rfft(signal)) ** 2
    return float(10 * np.log10(power[(hertz >= low) & (hertz < high)].mean()))


@pytest.mark.parametrize("level_db, gain_db", [(-40, 4.0), (-20, 4.0), (-10, 2.0), (-1, 0.2)])
def test_compressor_raises_what_is_soft(level_db: float, gain_db: float) -> None:
    steady = np.full(8_000, 10 ** (level_db / 20), np.float32)
    assert 20 * np.log10(compress(steady, 8_000)[-1] / steady[-1]) == pytest.approx(
        gain_db, abs=0.05
    )


def test_compressor_follows_within_its_attack_and_release() -> None:
    step = np.concatenate([np.ones(800), np.zeros(800)]).astype(np.float32)
    followed = envelope(step, 8_000)
    assert followed[79] == pytest.approx(1 - np.exp(-1), abs=1e-3)  # after 10 ms
    assert followed[959] == pytest.approx(followed[799] * np.exp(-1), abs=1e-3)  # 20 ms later
    assert np.abs(compress(step, 8_000)).max() <= 1


def test_pink_noise_falls_by_3_db_per_octave() -> None:
    noise = pink_noise(1 << 17, np.random.default_rng(3))
    assert np.abs(noise).max() == pytest.approx(1)
    octaves = [band_db(noise, hertz, 2 * hertz) for hertz in (125, 250, 500, 1_000, 2_000, 4_000)]
    np.testing.assert_allclose(np.diff(octaves), -3.01, atol=0.4)


@pytest.mark.parametrize("upward", [True, False])
def test_tilt_is_linear_in_frequency(upward: bool) -> None:
    gain = np.abs(np.fft.rfft(tilt_response(upward), SAMPLE_RATE))
    expected = np.arange(SAMPLE_RATE // 2 + 1) / (SAMPLE_RATE / 2)
    expected = expected if upward else 1 - expected
    np.testing.assert_allclose(gain[100:7_900], expected[100:7_900], atol=2e-3)


@pytest.mark.parametrize("name", ["upward tilt", "downward tilt"])
def test_tilt_keeps_level_length_and_time(speech: Signal, name: str) -> None:
    tilted = ROWS[name].apply(speech, "a")
    assert len(tilted) == len(speech)
    assert rms(tilted) == pytest.approx(rms(speech), rel=1e-4)
    lags = np.correlate(tilted[4_000:8_000], speech[4_000:8_000], "full")
    assert np.argmax(lags) == 3_999


@pytest.mark.parametrize("place", [BOOTH, *OTHER_ROOMS, NEAR_CENTRE, *OTHER_PLACES[::3]])
def test_rooms_have_their_reverberation_and_distance(place: Place) -> None:
    response = impulse_response(place)
    assert decay_seconds(response) == pytest.approx(place.rt60, rel=0.15)
    direct = np.argmax(np.abs(response))
    flight = place.distance / 343 * SAMPLE_RATE
    assert direct == pytest.approx(flight + 40, abs=2)  # 40: half of its fractional-delay filter


def decay_seconds(response: NDArray[np.float64]) -> float:
    """RT60 from a line through -5 to -25 dB of Schroeder's curve."""
    curve = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2) + 1e-12)
    chosen = np.flatnonzero((curve < -5) & (curve > -25))
    slope, _ = np.polyfit(chosen / SAMPLE_RATE, curve[chosen], 1)
    return float(-60 / slope)


def test_rooms_are_compared_with_a_reference_room(speech: Signal) -> None:
    row = ROWS["room"]
    other, reference = row.apply(speech, "a"), row.apply_baseline(speech, "a")
    assert len(other) == len(reference) == len(speech)
    assert np.abs(other).max() == pytest.approx(1) and np.abs(reference).max() == pytest.approx(1)
    assert not np.allclose(other, reference)
    np.testing.assert_array_equal(reference, row.apply_baseline(speech, "b"))
    assert len({row.apply(speech, f"clip{n}").tobytes() for n in range(20)}) == len(OTHER_ROOMS)


def test_clip_name_and_seed_decide_and_nothing_else(speech: Signal, recordings: Sources) -> None:
    for row in perturbations(recordings):
        first = row.apply(speech, "a", seed=3)
        np.random.random(7)  # noqa: NPY002
        np.testing.assert_array_equal(first, row.apply(speech, "a", seed=3), row.name)
    noise = ROWS["white noise 20 dB"]
    different = [noise.apply(speech, "a"), noise.apply(speech, "b"), noise.apply(speech, "a", 1)]
    assert len({each.tobytes() for each in different}) == 3


def test_the_clip_itself_is_left_alone(speech: Signal, recordings: Sources) -> None:
    before = speech.copy()
    for row in perturbations(recordings):
        row.apply(speech, "a")
        row.apply_baseline(speech, "a")
    np.testing.assert_array_equal(speech, before)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(samples=st.integers(1, 2_500), level=st.sampled_from([0.0, 1e-30, 1.0, 40.0]))
def test_any_length_and_level_gives_finite_audio(
    recordings: Sources, samples: int, level: float
) -> None:
    signal = (level * np.random.default_rng(samples).uniform(-1, 1, samples)).astype(np.float32)
    for row in perturbations(recordings):
        for heard in (row.apply(signal, "a"), row.apply_baseline(signal, "a")):
            assert heard.dtype == np.float32 and heard.ndim == 1 and len(heard) > 0, row.name
            assert np.isfinite(heard).all(), row.name
            assert level > 0 or not heard.any(), row.name


@pytest.mark.parametrize(
    "signal, reason",
    [
        (np.zeros(0, np.float32), "shape"),
        (np.zeros((2, 9), np.float32), "shape"),
        (np.array([0, np.nan], np.float32), "not finite"),
        (np.array([0, np.inf], np.float32), "not finite"),
    ],
)
def test_audio_that_is_none_is_refused(signal: Signal, reason: str) -> None:
    with pytest.raises(InputError, match=f"clip7.*{reason}"):
        ROWS["gain"].apply(signal, "clip7")


@pytest.mark.parametrize("library, name", [("auglib", "gain"), ("pyroomacoustics", "room")])
def test_a_missing_library_is_named_with_its_command(
    speech: Signal, monkeypatch: pytest.MonkeyPatch, library: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    impulse_response.cache_clear()
    with pytest.raises(EnvironmentMissing, match=library) as caught:
        ROWS[name].apply(speech, "a")
    assert "edge-ser[robustness]" in caught.value.hint


def test_levels() -> None:
    one, silence = np.ones(4, np.float32), np.zeros(4, np.float32)
    np.testing.assert_allclose(add_at_snr(one, 5 * one, 20), 1.1 * one)
    np.testing.assert_array_equal(add_at_snr(silence, one, 20), silence)
    np.testing.assert_array_equal(add_at_snr(one, silence, 20), one)
    np.testing.assert_allclose(at_level_of(0.5 * one, 3 * one), 0.5 * one)
    peaky = np.array([2, 0, 0, 0], np.float32)
    np.testing.assert_allclose(at_level_of(one, peaky), [1, 0, 0, 0])  # softer, not clipped
