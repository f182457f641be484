"""The embedded teacher: its networks' counts, storage, and the whole recipe on a tiny corpus."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import synthetic_speech

from edge_ser.audio.corpus import Clip, read_corpus
from edge_ser.checkpoint import read_card
from edge_ser.cli import main
from edge_ser.errors import InputError
from edge_ser.students.cost import parameter_count
from edge_ser.teachers import load_teacher
from edge_ser.teachers.cnn import BASELINE, MEMBERS, CnnConfig, EmotionCnn
from edge_ser.teachers.cross_validation import all_runs, bind_run
from edge_ser.teachers.embedded import EmbeddedTeacher
from edge_ser.teachers.emodb import FOLDS, labels_without
from edge_ser.teachers.report import beats_baseline, check_scorable
from edge_ser.training.loop import Schedule

CARD = {"id": "test", "licence": "Apache-2.0"}


def _teacher() -> EmbeddedTeacher:
    torch.manual_seed(0)
    return EmbeddedTeacher([EmotionCnn(config) for config in MEMBERS[:2]], CARD)


def test_the_baseline_is_the_83k_network() -> None:
    assert parameter_count(EmotionCnn(BASELINE)) == 82_755


def test_every_speaker_is_held_out_once() -> None:
    held_out = [speaker for fold in FOLDS for speaker in fold]
    assert sorted(held_out) == [f"{number:02d}" for number in (3, *range(8, 17))]


def test_the_runs_cover_folds_baseline_and_seeds() -> None:
    runs = all_runs(seeds=3, folds=True)
    assert len(runs) == len({run.folder(Path()) for run in runs})
    assert len(runs) == 4 * (1 + 5 + 2)
    large = [run for run in runs if run.held_out == FOLDS[0] and run.role != "baseline"]
    assert len({run.seed for run in large}) == 9
    assert len(all_runs(seeds=3, folds=False)) == 4
    assert sum(run.role == "baseline" for run in runs) == 8
    ablation = all_runs(seeds=3, folds=True, with_baseline=False)
    assert len(ablation) == 3 * (1 + 5 + 2) + 6  # the baseline is still compared with


def test_no_held_out_speaker_is_trainable(tiny_corpus: Path) -> None:
    clips = read_corpus(tiny_corpus)
    labels = labels_without(clips, ("03", "08"))
    speakers = {
        clip.fields["speaker"] for clip, ok in zip(clips, labels.trainable, strict=True) if ok
    }
    assert speakers == {"09", "10"}
    with pytest.raises(InputError, match="no clip is left"):
        labels_without(clips, ("03", "08", "09", "10"))


def test_emotions_without_a_target_are_refused_before_any_work(tmp_path: Path) -> None:
    clip = Clip(tmp_path / "a.wav", "a.wav", "c", {"emotion": "schadenfreude", "speaker": "1"})
    with pytest.raises(InputError, match="schadenfreude"):
        labels_without([clip], ())


def test_storage_as_float16_keeps_the_outputs(tmp_path: Path) -> None:
    teacher = _teacher()
    teacher.save(tmp_path / "t.safetensors", CARD)
    loaded = load_teacher(str(tmp_path / "t.safetensors"))
    audio = synthetic_speech(2.0)
    assert np.abs(loaded.predict(audio) - teacher.predict(audio)).max() < 2e-3
    assert loaded.weights_sha256 == read_card(tmp_path / "t.safetensors")["weights_sha256"]
    size = (tmp_path / "t.safetensors").stat().st_size
    assert size < 2.1 * sum(parameter_count(network) for network in teacher.networks)


def test_a_batch_equals_its_clips_one_by_one() -> None:
    teacher = _teacher()
    clips = np.stack([synthetic_speech(1.0, seed) for seed in range(3)])
    single = np.stack([teacher.predict(clip) for clip in clips])
    assert np.abs(teacher.predict_batch(clips) - single).max() < 1e-5


@pytest.mark.parametrize("seconds", [0.25, 0.5, 3.3, 20.0])
def test_any_length_is_answered(seconds: float) -> None:
    output = _teacher().predict(synthetic_speech(seconds))
    assert output.shape == (3,)
    assert np.isfinite(output).all()


def test_too_short_audio_is_refused() -> None:
    with pytest.raises(InputError, match=r"0\.25 s"):
        _teacher().predict(np.zeros(1_000, np.float32))


def test_a_config_survives_its_card() -> None:
    for config in (BASELINE, *MEMBERS):
        assert CnnConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path: Path, dev_checkpoint: Path) -> None:
    path = tmp_path / "t.safetensors"
    _teacher().save(path, CARD)
    with pytest.raises(InputError, match="holds a student, not a teacher"):
        load_teacher(str(dev_checkpoint))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="belongs to other weights"):
        load_teacher(str(path))


def test_one_lost_metric_or_a_lower_mean_is_not_a_win() -> None:
    def figures(mean: float, worst: float) -> dict[str, dict[str, float]]:
        return {"a": {"value": worst}, "mean": {"value": mean}}

    assert beats_baseline({"teacher": figures(0.9, 0.80), "baseline": figures(0.8, 0.81)})
    assert not beats_baseline({"teacher": figures(0.9, 0.78), "baseline": figures(0.8, 0.81)})
    assert not beats_baseline({"teacher": figures(0.8, 0.9), "baseline": figures(0.8, 0.8)})


def _arguments(corpus: Path, noise: Path, tmp_path: Path, *more: str) -> list[str]:
    return [
        "train-teacher", "--emodb", str(corpus), "--noise", str(noise),
        "--work", str(tmp_path / "work"), "--out", str(tmp_path / "teacher.safetensors"), *more,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--evaluate-on", "CORPUS"], "only --cross-validate trains"),
        (["--cross-validate", "--seeds", "1"], "no spread between seeds"),
        (["--cross-validate"], "lacks the speakers 11, 12, 13"),
    ],
)
def test_what_would_fail_after_the_training_is_refused_before_it(
    options: list[str],
    message: str,
    tiny_corpus: Path,
    tiny_noise: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(tiny_corpus) if option == "CORPUS" else option for option in options]
    assert main(_arguments(tiny_corpus, tiny_noise, tmp_path, *given)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_corpus_that_cannot_be_scored_is_refused(tmp_path: Path) -> None:
    def clip(**fields: str) -> Clip:
        return Clip(tmp_path / "a.wav", "a.wav", "c", fields)

    with pytest.raises(InputError, match="name the speaker of every clip"):
        check_scorable(tmp_path, [clip(emotion="anger")])
    with pytest.raises(InputError, match="name the emotion of every clip"):
        check_scorable(tmp_path, [clip(speaker="1")])
    with pytest.raises(InputError, match="no clip of fear, happiness, neutral, sadness"):
        check_scorable(tmp_path, [clip(speaker="1", emotion="anger")])


def test_a_network_of_other_settings_is_not_resumed(tmp_path: Path) -> None:
    run = all_runs(seeds=1, folds=False)[0]
    bind_run(run, Schedule(10), tmp_path)
    bind_run(run, Schedule(10), tmp_path)  # the same run goes on
    with pytest.raises(InputError, match="other settings: steps"):
        bind_run(run, Schedule(20), tmp_path)
    with pytest.raises(InputError, match="other settings: config"):
        bind_run(replace(run, config=BASELINE), Schedule(10), tmp_path)


@pytest.mark.slow
def test_the_command_trains_a_teacher(tiny_corpus: Path, tiny_noise: Path, tmp_path: Path) -> None:
    budget = ("--steps", "2", "--batch", "4", "--variants", "2", "--jobs", "1")
    arguments = _arguments(tiny_corpus, tiny_noise, tmp_path, *budget)
    assert main(arguments) == 0
    card = read_card(tmp_path / "teacher.safetensors")
    assert card["id"] == "edge-ser-embedded-1"
    assert "--cross-validate" not in card["command"]
    assert [data["licence"] for data in card["training_data"]] == ["not stated"] * 2
    assert card["targets"]["anger"][0] > card["targets"]["sadness"][0]
    first = (tmp_path / "teacher.safetensors").read_bytes()
    assert main(arguments) == 0  # takes up the finished runs
    assert (tmp_path / "teacher.safetensors").read_bytes() == first
