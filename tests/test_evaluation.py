"""Evaluation: what is compared, over whom, and what the documents say of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_ser.audio.corpus import read_corpus
from edge_ser.checkpoint import read_card, record_metric
from edge_ser.cli import main
from edge_ser.errors import InputError
from edge_ser.evaluation.agreement import agreement_report
from edge_ser.evaluation.discrimination import PAIRS, discrimination
from edge_ser.evaluation.model_card import with_current_figures
from edge_ser.evaluation.predictors import predictor_of
from edge_ser.evaluation.scoring import MODEL, TEACHER, Fold, Reading, parts_of, predict
from edge_ser.teachers import TeacherChoice
from edge_ser.teachers.cnn import MEMBERS, EmotionCnn
from edge_ser.teachers.embedded import EmbeddedTeacher


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("teacher") / "t.safetensors"
    card = {"id": "t", "licence": "Apache-2.0"}
    EmbeddedTeacher([EmotionCnn(MEMBERS[2])], card).save(path, card)
    return path


def test_a_model_agrees_fully_with_itself(tiny_corpus: Path) -> None:
    clips = read_corpus(tiny_corpus)
    values = np.random.default_rng(0).random((len(clips), 3)).astype(np.float32)
    report = agreement_report(values, values, clips)
    assert (report["clips"], report["speakers"]) == (20, 4)
    for figure in report["to_teacher"].values():
        assert figure["ccc"] == {"value": 1.0, "low": 1.0, "high": 1.0}
        assert figure["mae"] == 0
    assert report["auc_model"] == report["auc_teacher"]


def test_auc_of_perfect_and_reversed_order() -> None:
    emotions = ["anger", "sadness", "neutral", "fear", "happiness"] * 4
    speakers = [str(index // 5) for index in range(20)]
    ideal = {"anger": (1, 1, 0.3), "sadness": (0, 0, 0), "neutral": (0.5, 0.5, 0.5),
             "fear": (0.9, 0.1, 0.1), "happiness": (0.8, 0.8, 1)}  # fmt: skip
    scores = np.array([ideal[emotion] for emotion in emotions], np.float32)
    perfect = discrimination(scores, emotions, speakers, rounds=20)
    assert {figure["value"] for figure in perfect.values()} == {1.0}
    assert {figure["low"] for figure in perfect.values()} == {1.0}
    reversed_ = discrimination(-scores, emotions, speakers, rounds=20)
    assert {figure["value"] for figure in reversed_.values()} == {0.0}
    assert set(perfect) == {*(pair.name for pair in PAIRS), "mean"}


def test_draws_without_an_emotion_are_left_out_of_its_interval() -> None:
    # One speaker of four is ever afraid: about a third of the draws lack that voice.
    emotions = ["anger", "sadness", "neutral", "happiness"] * 4 + ["fear", "fear"]
    speakers = [str(index // 4) for index in range(16)] + ["0", "0"]
    scores = np.random.default_rng(0).random((18, 3)).astype(np.float32)
    figures = discrimination(scores, emotions, speakers, rounds=50)
    for figure in figures.values():
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    fear = figures["anger>fear (dominance)"]
    angry, afraid = scores[:16:4, 1], scores[16:, 1]
    assert fear["value"] == pytest.approx(np.mean(angry[:, None] > afraid), abs=1e-4)


def test_folds_score_their_own_speakers_once(
    tiny_corpus: Path, dev_checkpoint: Path, teacher_file: Path
) -> None:
    clips = read_corpus(tiny_corpus)
    folds = [
        Fold(dev_checkpoint, TeacherChoice(str(teacher_file)), ("tiny/03",)),
        Fold(teacher_file, TeacherChoice(str(teacher_file)), ("tiny/09", "tiny/10")),
    ]
    scored, answers = predict(parts_of(folds, clips, predictor_of), Reading(1.0))
    model, teacher = answers[MODEL], answers[TEACHER]
    assert [clip.fields["speaker"] for clip in scored] == ["03"] * 5 + ["09"] * 5 + ["10"] * 5
    assert np.array_equal(model[5:], teacher[5:])
    assert not np.allclose(model[:5], teacher[:5])
    with pytest.raises(InputError, match="tiny/99"):
        parts_of([replace(folds[0], speakers=("tiny/99",))], clips, predictor_of)


def test_a_clip_that_cannot_be_scored_is_named(tiny_corpus: Path, teacher_file: Path) -> None:
    fold = Fold(teacher_file, TeacherChoice(str(teacher_file)), ("tiny/03",))
    parts = parts_of([fold], read_corpus(tiny_corpus), predictor_of)
    with pytest.raises(InputError, match=r"03_anger_0\.wav: the teacher needs"):
        predict(parts, Reading(0.1))


def test_the_command_records_its_figures(
    tiny_corpus: Path, teacher_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "t.safetensors"
    copy.write_bytes(teacher_file.read_bytes())
    copy.with_suffix(".json").write_bytes(teacher_file.with_suffix(".json").read_bytes())
    arguments = [
        "evaluate", str(copy), "--teacher", str(teacher_file), "--audio", str(tiny_corpus),
        "--json", str(tmp_path / "scores.json"), "--record-in", str(copy), "--as", "itself",
    ]  # fmt: skip
    assert main(arguments) == 0
    assert "20 clips, 4 speakers" in capsys.readouterr().out
    report = json.loads((tmp_path / "scores.json").read_text())
    assert report["to_teacher"]["valence"]["ccc"]["value"] == 1.0
    recorded = read_card(copy)["metrics"]["itself"]
    assert set(recorded) == {"clips", "speakers", "to_teacher", "auc_model", "auc_teacher"}
    assert all(recorded[key] == report[key] for key in recorded)
    record_metric(copy, "more", {"x": 1})
    assert set(read_card(copy)["metrics"]) == {"itself", "more"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["t.safetensors", "--engine", "litert"], "--engine chooses the runtime of a bundle"),
        (["--fold", "b", "t", "c/1", "--speakers", "c/1"], "--fold names"),
        (["--fold", "b", "t", "c/1", "--teacher", "default"], "--fold names"),
        (["--fold", "b.safetensors", "t", "c/1", "--engine", "litert"], "--engine chooses"),
    ],
)
def test_options_that_would_be_ignored_are_refused(
    options: list[str], message: str, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *options, "--audio", str(tiny_corpus)]) == 2
    assert message in capsys.readouterr().err


def test_two_folders_of_one_name_are_refused(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(tmp_path / "tiny")
    assert main(["evaluate", "t.safetensors", "--audio", str(tiny_corpus), other]) == 2
    assert "share a name" in capsys.readouterr().err


def test_a_model_or_folds_but_not_neither(
    tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--audio", str(tiny_corpus)]) == 2
    assert "--fold" in capsys.readouterr().err


def test_the_model_card_shows_the_figures_of_the_shipped_cards(repository: Path) -> None:
    document = (repository / "docs" / "MODEL_CARD.md").read_text()
    assert with_current_figures(document) == document
    with pytest.raises(ValueError, match="figures"):
        with_current_figures("no markers")
