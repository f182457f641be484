"""Consistent teaching: augmented audio is labelled once and replayed from its seed, bit for bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_distillation import _recipe
from test_labelling import LoudnessTeacher

from edge_ser.audio.bank import Bank, BankSpec, open_or_build
from edge_ser.audio.corpus import read_corpus
from edge_ser.checkpoint import read_card
from edge_ser.cli import main
from edge_ser.distillation import recipe as recipe_module
from edge_ser.distillation.distill import Lesson
from edge_ser.distillation.recipe import run_recipe
from edge_ser.errors import InputError
from edge_ser.labelling.augmented import (
    Augmentation,
    augmentation_of,
    augmented_store,
    label_bank,
    replayed_answers,
)

SPEC = BankSpec(
    items=24, seconds=0.5, shortest=0.3, mixed=0.5, seed=7, channel=0.5, with_clean=True
)
PLAN = Augmentation(SPEC, clean=True, speech=20, noises=0)


def _bank(corpus: Path, folder: Path, spec: BankSpec = SPEC) -> Bank:
    clips = read_corpus(corpus)
    return open_or_build(folder, spec, clips, np.ones(len(clips)), [], workers=1)


def test_a_replayed_bank_gets_the_teachers_answer_to_each_item(
    tiny_corpus: Path, tmp_path: Path
) -> None:
    first = _bank(tiny_corpus, tmp_path / "first")
    teacher = LoudnessTeacher()
    result = label_bank(first, PLAN, teacher, tmp_path / "store")
    assert (result.labelled, teacher.calls) == (24, 24)
    assert augmentation_of(tmp_path / "store") == PLAN
    again = _bank(tiny_corpus, tmp_path / "again")  # from the same seed, elsewhere
    assert np.array_equal(again.audio, first.audio)
    answers = replayed_answers(again, tmp_path / "store", clean=True)
    assert np.array_equal(
        answers, LoudnessTeacher().predict_batch(again.clean_batch(np.arange(24)))
    )
    heard = LoudnessTeacher().predict_batch(again.batch(np.arange(24)))
    assert not np.allclose(answers, heard, rtol=0.01)
    second = LoudnessTeacher()
    assert label_bank(again, PLAN, second, tmp_path / "store").known == 24
    assert second.calls == 0


def test_a_run_that_was_cut_off_asks_for_the_rest_only(tiny_corpus: Path, tmp_path: Path) -> None:
    bank = _bank(tiny_corpus, tmp_path / "bank")
    with pytest.raises(KeyboardInterrupt):
        label_bank(bank, PLAN, LoudnessTeacher(dies_after=9), tmp_path / "store")
    rest = LoudnessTeacher()
    result = label_bank(bank, PLAN, rest, tmp_path / "store")
    assert (result.labelled, result.known, rest.calls) == (15, 9, 15)
    assert np.isfinite(replayed_answers(bank, tmp_path / "store", clean=True)).all()


def test_audio_that_was_not_labelled_is_refused(tiny_corpus: Path, tmp_path: Path) -> None:
    label_bank(_bank(tiny_corpus, tmp_path / "bank"), PLAN, LoudnessTeacher(), tmp_path / "store")
    other = _bank(tiny_corpus, tmp_path / "other", dataclasses.replace(SPEC, seed=8))
    with pytest.raises(InputError, match="none of the 24 augmented clips is one"):
        replayed_answers(other, tmp_path / "store", clean=True)
    changed = dataclasses.replace(PLAN, spec=dataclasses.replace(SPEC, seed=8))
    with pytest.raises(InputError, match="augmented otherwise"):
        label_bank(other, changed, LoudnessTeacher(), tmp_path / "store")


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    assert augmentation_of(tmp_path) is None
    folder = augmented_store(tmp_path).folder
    folder.mkdir()
    for text in ("{", "[]", '{"spec": {"items": 3, "x": 1}}'):
        (folder / "augmentation.json").write_text(text)
        with pytest.raises(InputError, match="does not say how the audio was augmented"):
            augmentation_of(tmp_path)


def test_distill_replays_what_was_labelled(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    command = ["label", str(tiny_corpus), "--store", str(store), "--augment", "60", "--jobs", "1"]
    command += ["--seconds", "0.5", "--channel", "0.5", "--hear", "clean", "--seed", "3"]
    assert main([*command, "--work", str(tmp_path / "label")]) == 0
    lessons: list[Lesson] = []
    train = recipe_module._train_with_bar

    def watched(recipe: Any, lesson: Lesson, *rest: Any) -> Any:
        lessons.append(lesson)
        return train(recipe, lesson, *rest)

    monkeypatch.setattr(recipe_module, "_train_with_bar", watched)
    recipe = _recipe(tiny_corpus, tmp_path / "distill", labels=store, items=999, seed=0)
    out = tmp_path / "student.safetensors"
    run_recipe(recipe, None, out)
    (lesson,) = lessons
    assert lesson.bank.spec.items == 60 and lesson.bank.spec.seed == 3
    from edge_ser.teachers import load_teacher

    for item in [*lesson.training[:5], *lesson.watched[:3]]:
        audio = lesson.bank.clean_batch(np.array([item]))[0]
        assert lesson.answers[item] == pytest.approx(load_teacher().predict(audio), abs=1e-6)
    card = read_card(out)
    assert card["teacher"]["id"] == load_teacher().id
    assert "--labels store" in card["command"] and "--items" not in card["command"]


def test_other_sources_than_the_labelled_are_refused(tiny_corpus: Path, tmp_path: Path) -> None:
    bank = _bank(tiny_corpus, tmp_path / "bank")
    plan = dataclasses.replace(PLAN, noises=5)
    label_bank(bank, plan, LoudnessTeacher(), tmp_path / "store")
    recipe = _recipe(tiny_corpus, tmp_path / "work", labels=tmp_path / "store")
    with pytest.raises(InputError, match="20 files of speech and 0 of noise are not the 20 and 5"):
        run_recipe(recipe, None, tmp_path / "student.safetensors")


def test_noise_without_augmentation_is_refused(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["label", str(tiny_corpus), "--store", str(tmp_path), "--noise", str(tiny_corpus)]
    assert main(words) == 2
    assert "add --augment ITEMS" in capsys.readouterr().err
