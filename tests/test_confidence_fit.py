"""Fitting and judging on data whose answer is known; scenes; the verb on a small corpus."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_speech
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.augment import rms
from edge_ser.audio.files import read_audio
from edge_ser.bundle import open_bundle
from edge_ser.confidence import detection, judging, material, report, scenes, study
from edge_ser.confidence.fitting import confidences, fit
from edge_ser.confidence.music import music
from edge_ser.confidence.rows import Row, Rows
from edge_ser.confidence.scenes import KINDS, Scene, Sound, make_scene
from edge_ser.errors import InputError
from edge_ser.models import shipped
from edge_ser.runtime.incremental import Estimate, load_incremental
from edge_ser.stream.meaning.confidence import load_confidence
from edge_ser.stream.meaning.detector import load_detector
from edge_ser.stream.meaning.evidence import FEATURES, SPEECH
from edge_ser.stream.meaning.track import SoundTrack


def sounds() -> list[Sound]:
    return [
        Sound(
            synthetic_speech(1.5, seed),
            np.full(3, 0.1 * seed, np.float32),
            f"corpus/{seed % 6}",
            "corpus",
            "calm" if seed % 2 else "",
        )
        for seed in range(12)
    ]


def rows_of(count: int, seed: int = 0) -> Rows:
    """Readings that are right more often the higher the SNR; nothing else matters."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        snr = random.uniform(-10, 40)
        known = {name: float(random.uniform()) for name in FEATURES} | {"snr_db": float(snr)}
        right = random.random(3) < 1 / (1 + math.exp(-(snr - 15) / 5))
        off = np.where(right, 0.05, 0.2) * random.choice([-1, 1], 3)
        alone = {name: value for name, value in known.items() if name not in SPEECH}
        made.append(Row(known, alone, off, number % 5, number, "noise", "corpus"))
    return Rows.of(made)


def test_the_fit_finds_the_chance_that_the_data_were_made_with() -> None:
    rows = rows_of(4000)
    curves = fit(rows.known, rows.right(0.1), FEATURES)
    snr = rows.column("snr_db")
    truth = 1 / (1 + np.exp(-(snr - 15) / 5))
    found = confidences(curves, rows.known)
    assert np.abs(found - truth[:, None]).mean() < 0.04
    one = dict(zip(FEATURES, rows.known[7], strict=True))
    assert curves.of(one) == pytest.approx(found[7], abs=1e-9)


def test_rising_curves_do_not_fall_even_where_the_data_do() -> None:
    rows = rows_of(1500)
    wrong = ~rows.right(0.1)
    curves = fit(rows.known, wrong, ["snr_db"])
    assert all(step >= 0 for steps in curves.curves[0].steps for step in steps)
    free = fit(rows.known, wrong, ["snr_db"], rising=())
    assert min(min(steps) for steps in free.curves[0].steps) < -1


def test_evidence_that_never_varies_is_left_out_and_all_right_is_no_trouble() -> None:
    rows = rows_of(200)
    known = rows.known.copy()
    known[:, FEATURES.index("seconds")] = 5.0
    curves = fit(known, np.ones((200, 3), bool), FEATURES)
    assert "seconds" not in curves.features
    assert (confidences(curves, known) > 0.95).all()


def test_coverage_and_gain_have_their_textbook_values() -> None:
    error = np.array([0.1, 0.2, 0.3, 0.4])
    perfect = judging.coverage(-error, error)
    assert perfect.risk == pytest.approx([0.1, 0.15, 0.2, 0.25])
    assert perfect.area == pytest.approx(0.175)
    assert perfect.at(0.5) == pytest.approx(0.15)
    assert judging.gain(-error, error) == pytest.approx(1.0)
    assert judging.gain(error, error) < 0
    assert judging.gain(np.zeros(4), np.full(4, 0.2)) == 0.0


def test_calibration_has_its_textbook_values() -> None:
    confidence = np.repeat([0.2, 0.8], 50)
    right = np.concatenate([np.arange(50) < 10, np.arange(50) < 30])
    parts = judging.bins(confidence, right, np.where(right, 0.0, 1.0))
    assert len(parts) == 10
    assert sum(part.readings for part in parts) == 100
    assert judging.brier(np.array([1.0, 0.0]), np.array([True, True])) == 0.5
    sure = [judging.Bin(0.9, 0.7, 0.1, 30), judging.Bin(0.2, 0.2, 0.3, 10)]
    assert judging.calibration_error(sure) == pytest.approx(0.15)


def test_judged_speakers_are_not_fitted_to() -> None:
    rows = rows_of(500)
    seen: list[int] = []

    def spy(known: NDArray[np.float64], right: NDArray[np.bool_]) -> object:
        seen.append(len(known))
        return fit(known, right, ["snr_db"])

    judging.held_out(rows, rows.known, spy, 0.1)  # type: ignore[arg-type]
    assert seen == [400] * 5


def test_error_falls_as_held_out_confidence_rises() -> None:
    rows = rows_of(3000)
    found = study.candidates(rows, 0.1)
    table = study.compare(rows, found, 0.1)
    assert table[study.CHOSEN]["arousal"]["gain"] > 0.4
    assert abs(table["window length alone"]["arousal"]["gain"]) < 0.1
    judged = study.judge(rows, found[study.CHOSEN], 0.1)["dimensions"]["valence"]
    errors = [part["error"] for part in judged["bins"]]
    assert errors[0] > errors[4] > errors[9]
    assert judged["ece"] < 0.05


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_scene_is_sound_with_a_truth(kind: str) -> None:
    noises = [np.random.default_rng(9).standard_normal(40_000).astype(np.float32)]
    scene = make_scene(kind, sounds(), noises, np.random.default_rng(3))
    again = make_scene(kind, sounds(), noises, np.random.default_rng(3))
    assert np.array_equal(scene.audio, again.audio)
    assert scene.audio.dtype == np.float32 and len(scene.voice) == len(scene.audio)
    assert np.isfinite(scene.audio).all() and np.abs(scene.audio).max() <= 1
    truth, heard = scene.truth(0, len(scene.audio))
    if scene.spoken:
        assert heard > 0.5 and 0 <= truth.min() <= truth.max() <= 1.2
    else:
        assert heard == 0 and np.isnan(truth).all()
    assert scene.truth(-10, 0)[1] == 0


def test_truth_is_the_mean_of_what_is_heard_of_each_clip() -> None:
    silent = np.zeros(10, np.float32)
    spoken = (
        (0, SAMPLE_RATE, np.array([0.0, 0.2, 0.4], np.float32)),
        (2 * SAMPLE_RATE, 5 * SAMPLE_RATE, np.array([1.0, 0.6, 0.4], np.float32)),
    )
    scene = Scene("clean", silent, silent, spoken, "corpus", 50.0)
    truth, heard = scene.truth(0, 5 * SAMPLE_RATE)
    assert heard == 4 and truth == pytest.approx([0.75, 0.5, 0.4])
    assert scene.truth(0, 3 * SAMPLE_RATE)[0] == pytest.approx([0.5, 0.4, 0.4])


def test_kinds_are_shares_and_music_is_no_silence() -> None:
    assert sum(KINDS.values()) == pytest.approx(1)
    song = music(3 * SAMPLE_RATE, np.random.default_rng(0))
    assert song.dtype == np.float32 and len(song) == 3 * SAMPLE_RATE
    assert np.abs(song).max() == pytest.approx(1) and rms(song) > 0.05


def test_folds_share_no_speaker_and_no_noise() -> None:
    noises = [np.full(10, number, np.float32) for number in range(7)]
    dealt = material.deal(sounds(), noises, 3, np.random.default_rng(0))
    speakers = [{sound.speaker for sound in fold.sounds["corpus"]} for fold in dealt]
    assert sum(map(len, speakers)) == len(set().union(*speakers)) == 6
    heard = [{float(noise[0]) for noise in fold.noises} for fold in dealt]
    assert sum(map(len, heard)) == len(set().union(*heard)) == 7
    with pytest.raises(InputError, match="speakers"):
        material.deal(sounds(), [], 7, np.random.default_rng(0))
    with pytest.raises(InputError, match="noise files"):
        material.deal(sounds(), noises[:1], 3, np.random.default_rng(0))


def test_detection_counts_speech_and_what_is_none() -> None:
    voice = np.zeros(100 * 512, np.float32)
    voice[: 50 * 512] = scenes.SPEECH_RMS
    counted = detection.Detection()
    scene = Scene("noise", voice, voice, (), "corpus", 15.0)
    counted.count(scene, [0.9] * 40 + [0.1] * 50 + [0.9] * 10)
    rates = counted.rates()
    assert rates["noise"] == rates["noise, 10 to 20 dB"]
    assert rates["noise"]["found"] == pytest.approx(0.8)
    assert rates["noise"]["speech_frames"] == 50
    assert rates["noise"]["other_frames"] == 42
    assert rates["noise"]["mistaken"] == pytest.approx(10 / 42)


def test_confidence_falls_with_noise_and_with_little_speech(shared_data: Path) -> None:
    """On real speech, with the shipped bundle: mean of the three dimensions and of eight clips."""
    with open_bundle(shipped("bundle")) as bundle:
        confidence = load_confidence(bundle)
        engine = load_incremental(bundle)
    detector = load_detector("on")
    assert confidence is not None and detector is not None
    files = sorted((shared_data / "speech" / "audio").glob("speechocean*"))[::350]
    random = np.random.default_rng(0)

    def mean(noise_db: float | None, silence: float) -> float:
        found = []
        for path in files:
            clip = read_audio(path)[: 4 * SAMPLE_RATE]
            clip = np.resize(0.1 * clip / rms(clip), round((5 - silence) * SAMPLE_RATE))
            signal = np.concatenate([clip, np.zeros(5 * SAMPLE_RATE - len(clip))])
            level = 1e-4 if noise_db is None else 0.1 * 10 ** (-noise_db / 20)
            signal = (signal + level * random.standard_normal(len(signal))).astype(np.float32)
            track = SoundTrack(detector)
            track.reset()
            track.feed(signal)
            engine.reset()
            window: Estimate = engine.push(signal)[-1]
            found.append(confidence.of(window, track).mean())
        return float(np.mean(found))

    clean = mean(None, 1.0)
    assert clean > mean(10.0, 1.0) + 0.02
    assert mean(10.0, 1.0) > mean(-5.0, 1.0) + 0.05
    assert clean > mean(None, 4.0) + 0.1


def test_the_report_is_json_without_nan_and_tables(tmp_path: Path) -> None:
    rows = rows_of(600)
    found = study.candidates(rows, 0.1)
    sure = found[study.CHOSEN]
    figures = {
        "provenance": {"engine": "litert 2", "seed": 0},
        "student": "wav2small",
        "detector": "Silero",
        "tolerance": 0.1,
        "scenes": 150,
        "readings": len(rows),
        "settings": {"min_speech": 0.3, "min_confidence": 0.4},
        "candidates": study.compare(rows, found, 0.1),
        "held_out": study.judge(rows, sure, 0.1),
        "held_out_by_corpus": {},
        "held_out_without_detector": study.judge(rows, found[study.ALONE], 0.1),
        "min_speech": study.by_min_speech(rows),
        "min_confidence": study.by_min_confidence(rows, sure, 0.1, 0.3),
        "kinds": study.by_kind(rows, sure, 0.3, 0.4),
        "detection": {},
    }
    written = report.write(figures, tmp_path / "new")
    parsed = json.loads(written[0].read_text(), parse_constant=lambda name: pytest.fail(name))
    assert parsed["held_out"]["readings"] == 600
    assert f"| **{study.CHOSEN}** |" in written[1].read_text()
    assert all(path.read_text().startswith("<?xml") for path in written[2:])


@pytest.mark.slow
def test_the_verb_fits_and_reports_from_folders(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edge_ser.cli import main
    from edge_ser.stream.meaning.confidence import read_parameters

    corpus = tmp_path / "emodb"
    corpus.mkdir()
    os.symlink(shared_data / "emodb" / "audio", corpus / "audio")
    lines = (shared_data / "emodb" / "manifest.csv").read_text().splitlines()
    (corpus / "manifest.csv").write_text("\n".join([lines[0], *lines[1::9]]) + "\n")
    out = tmp_path / "mine.confidence.json"
    arguments = ["confidence", "--audio", str(corpus), "--noise", str(shared_data / "noise")]
    arguments += ["--confirm", str(corpus), "--scenes", "60", "--seed", "1"]
    assert main([*arguments, "--out", str(out), "--report", str(tmp_path / "figures")]) == 0
    first = out.read_bytes()
    parameters = read_parameters(first, out.name)
    assert parameters.provenance["data"][0]["licence"] == "CC0-1.0"
    assert any("CC-BY" in line for line in parameters.provenance["attribution"])
    assert "arousal" in capsys.readouterr().out
    assert "### Confirmation" in (tmp_path / "figures" / "confidence_figures.md").read_text()
    assert main([*arguments, "--out", str(out)]) == 0
    assert out.read_bytes() == first


def test_clips_without_speakers_are_refused(tmp_path: Path) -> None:
    from edge_ser.teachers import load_teacher

    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match="speaker"):
        material.load_speech([tmp_path], load_teacher(), np.random.default_rng(0))
