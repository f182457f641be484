"""Choosing calibration clips: cover, caps, determinism; candidates from folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from calibration.calibrate import calibrate
from calibration.candidates import LONGEST_SECONDS, calibration_audio, candidates
from calibration.select import covering_radius, mean_distance, random_choice, select, standardised
from edge_ser.errors import InputError
from edge_ser.students.catalogue import build_student

soundfile = pytest.importorskip("soundfile", reason="reading audio needs the 'audio' extra")


def cloud(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Labels crowded in the middle with a few at the edges, as a teacher gives; levels."""
    random = np.random.default_rng(seed)
    return 0.5 + 0.1 * random.standard_t(3, (count, 3)), -30 + 8 * random.standard_normal(count)


@pytest.mark.parametrize("seed", range(5))
def test_covers_better_than_random_choice(seed: int) -> None:
    labels, levels = cloud(400, seed)
    points = standardised(labels, levels)
    chosen = select(labels, [""] * 400, levels, 32)
    baseline = [random_choice(400, 32, s) for s in range(20)]
    assert covering_radius(points, chosen) < min(covering_radius(points, b) for b in baseline)


def test_the_extremes_are_among_the_first() -> None:
    labels, levels = cloud(300, 0)
    labels[17] = (3.0, 0.5, 0.5)
    labels[40] = (0.5, 0.5, -2.0)
    assert {17, 40} <= set(select(labels, [""] * 300, levels, 4))


def test_level_counts_like_a_label() -> None:
    labels, levels = cloud(300, 1)
    levels[7] = -120.0
    assert 7 in select(labels, [""] * 300, levels, 2)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 40),
    clips=st.integers(1, 60),
    speakers=st.integers(0, 6),
    seed=st.integers(0, 9),
)
def test_choice_is_unique_complete_and_repeatable(
    count: int, clips: int, speakers: int, seed: int
) -> None:
    labels, levels = cloud(clips, seed)
    names = [f"s{i % speakers}" if speakers else "" for i in range(clips)]
    chosen = select(labels, names, levels, count, seed)
    assert len(set(chosen)) == len(chosen) == min(count, clips)
    assert chosen == select(labels, names, levels, count, seed)


def test_no_speaker_takes_more_than_twice_a_share() -> None:
    labels, levels = cloud(200, 2)
    labels[:50] = 0.5 + 3 * (labels[:50] - 0.5)
    speakers = ["loud"] * 50 + [f"s{i % 7}" for i in range(150)]
    chosen = select(labels, speakers, levels, 16)
    assert sum(speakers[i] == "loud" for i in chosen) <= 4


def test_caps_give_way_when_only_one_speaker_is_left() -> None:
    labels, levels = cloud(30, 3)
    speakers = ["many"] * 28 + ["a", "b"]
    assert len(select(labels, speakers, levels, 20)) == 20


def test_identical_clips_can_be_chosen() -> None:
    chosen = select(np.full((5, 3), 0.5), ["", "", "", "", ""], np.full(5, -20.0), 3)
    assert len(set(chosen)) == 3


def test_seed_decides_ties_only() -> None:
    labels, levels = cloud(100, 4)
    assert set(select(labels, [""] * 100, levels, 10, 0)) == set(
        select(labels, [""] * 100, levels, 10, 1)
    )


@pytest.mark.parametrize(
    ("labels", "levels", "count"),
    [
        (np.zeros((0, 3)), np.zeros(0), 4),
        (np.zeros((4, 2)), np.zeros(4), 4),
        (np.zeros((4, 3)), np.zeros(3), 4),
        (np.full((4, 3), np.nan), np.zeros(4), 4),
        (np.zeros((4, 3)), np.zeros(4), 0),
    ],
)
def test_unusable_input_is_refused(
    labels: NDArray[np.float64], levels: NDArray[np.float64], count: int
) -> None:
    with pytest.raises(InputError):
        select(labels, [""] * len(labels), levels, count)


def test_distances_of_a_known_square() -> None:
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert covering_radius(square, [0]) == pytest.approx(2**0.5)
    assert mean_distance(square, [0]) == pytest.approx((2 + 2**0.5) / 4)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Six usable clips, one too short, one that is no audio."""
    folder = tmp_path / "talk"
    folder.mkdir()
    for seed in range(6):
        soundfile.write(folder / f"{seed}.wav", synthetic_speech(1.0, seed), 16_000)
    soundfile.write(folder / "short.wav", synthetic_speech(0.2), 16_000)
    (folder / "broken.wav").write_bytes(b"RIFF")
    rows = ["path,speaker,licence"]
    rows += [f"{seed}.wav,s{seed % 2},CC0-1.0" for seed in range(6)]
    rows += ["short.wav,s0,CC0-1.0", "broken.wav,s0,CC0-1.0"]
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def loudness_label(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """A stand-in teacher whose label can be checked by hand."""
    return np.array([np.abs(audio).max(), 0.5, 0.25])


def test_candidates_are_labelled_and_the_unusable_named(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = candidates([corpus], loudness_label)
    assert [c.record.name for c in found] == [f"{i}.wav" for i in range(6)]
    assert found[1].speaker == "talk/s1"
    assert found[0].record.licence == "CC0-1.0"
    assert found[0].record.adv == pytest.approx((0.5, 0.5, 0.25), abs=1e-4)
    power = np.mean(synthetic_speech(1.0, 0).astype(np.float64) ** 2)
    assert found[0].level_db == pytest.approx(10 * np.log10(power), abs=0.01)
    errors = capsys.readouterr().err
    assert "broken.wav" in errors and "short.wav is shorter than 0.5 s" in errors


def test_at_most_so_many_candidates_evenly_spread(corpus: Path) -> None:
    found = candidates([corpus], loudness_label, per_corpus=4)
    assert [c.record.name for c in found] == ["0.wav", "2.wav", "4.wav"]


def test_licence_by_option_where_the_corpus_is_silent(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    soundfile.write(folder / "a.wav", synthetic_speech(1.0), 16_000)
    (silent,) = candidates([folder], loudness_label)
    (stated,) = candidates([folder], loudness_label, {"mine": "private"})
    assert (silent.record.licence, stated.record.licence) == ("not stated", "private")


def test_long_recordings_give_their_middle(tmp_path: Path) -> None:
    ramp = np.linspace(-0.5, 0.5, 30 * 16_000)
    soundfile.write(tmp_path / "long.wav", ramp, 16_000)
    audio = calibration_audio(tmp_path / "long.wav")
    assert len(audio) == LONGEST_SECONDS * 16_000
    assert abs(float(audio.mean())) < 1e-3


def test_folder_without_usable_audio(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"no audio")
    with pytest.raises(InputError, match="none of 1 files"):
        candidates([tmp_path], loudness_label)


def test_cache_from_folders(corpus: Path) -> None:
    student = build_student("wav2small").eval()
    cache = calibrate(student, "c" * 64, candidates([corpus], loudness_label), count=3)
    assert len(cache.clips) == 3
    assert {clip.corpus for clip in cache.clips} == {"talk"}
    cache.check("c" * 64, student.config.frontend)
    assert cache == calibrate(student, "c" * 64, candidates([corpus], loudness_label), count=3)
