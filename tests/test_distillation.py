"""Distillation end to end on a tiny corpus: learns from answers only, resumes, binds its work."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from test_labelling import LoudnessTeacher

from edge_ser.audio.bank import BankSpec, open_or_build
from edge_ser.audio.corpus import Clip, read_corpus
from edge_ser.checkpoint import load_student, read_card
from edge_ser.cli import main
from edge_ser.distillation.recipe import DistillRecipe, held_out_in, run_recipe, split
from edge_ser.distillation.teaching import answers, stored_answers
from edge_ser.errors import InputError
from edge_ser.labelling.label import label
from edge_ser.labelling.store import LabelStore


def _recipe(corpus: Path, work: Path, **changes: object) -> DistillRecipe:
    values = {
        "student": "wav2small-17k", "audio": (corpus,), "noise": None, "work": work,
        "items": 60, "seconds": 0.5, "mixed": 0.3, "steps": 4, "batch": 4,
        "learning_rate": 1e-3, "seed": 0, "jobs": 1, "held_out": ("tiny/03",), "labels": None,
    }  # fmt: skip
    return DistillRecipe(**{**values, **changes})  # type: ignore[arg-type]


def test_the_teacher_hears_the_augmented_audio(tiny_corpus: Path, tmp_path: Path) -> None:
    clips = read_corpus(tiny_corpus)
    spec = BankSpec(items=10, seconds=0.5, shortest=0.3, mixed=0.5)
    bank = open_or_build(tmp_path / "bank", spec, clips, np.ones(len(clips)), [], workers=1)
    items = np.array([1, 4, 7])
    taught = answers(bank, LoudnessTeacher(), items, tmp_path / "taught")
    assert taught[items] == pytest.approx(LoudnessTeacher().predict_batch(bank.batch(items)))
    assert np.isnan(np.delete(taught, items, axis=0)).all()
    again = LoudnessTeacher(dies_after=0)  # nothing is asked twice
    assert np.array_equal(answers(bank, again, items, tmp_path / "taught")[items], taught[items])
    with pytest.raises(InputError, match="other settings"):
        answers(bank, LoudnessTeacher("b" * 64), items, tmp_path / "taught")


def test_the_teacher_may_hear_what_the_student_does_not(tiny_corpus: Path, tmp_path: Path) -> None:
    clips = read_corpus(tiny_corpus)
    spec = BankSpec(items=8, seconds=0.5, shortest=0.3, channel=1.0, with_clean=True)
    bank = open_or_build(tmp_path / "bank", spec, clips, np.ones(len(clips)), [], workers=1)
    items = np.arange(8)
    taught = answers(bank, LoudnessTeacher(), items, tmp_path / "taught", "clean")
    assert taught == pytest.approx(LoudnessTeacher().predict_batch(bank.clean_batch(items)))
    assert not np.allclose(taught, LoudnessTeacher().predict_batch(bank.batch(items)), rtol=0.01)
    with pytest.raises(InputError, match="other settings: heard"):
        answers(bank, LoudnessTeacher(), items, tmp_path / "taught")


def test_channel_and_hearing_are_part_of_run_and_card(tiny_corpus: Path, tmp_path: Path) -> None:
    recipe = _recipe(tiny_corpus, tmp_path / "a", channel=0.5, hear="clean")
    run_recipe(recipe, LoudnessTeacher(), tmp_path / "a.safetensors")
    assert "--channel 0.5 --hear clean" in read_card(tmp_path / "a.safetensors")["command"]
    with pytest.raises(InputError, match="other settings: spec"):
        other = _recipe(tiny_corpus, tmp_path / "a", channel=0.6, hear="clean")
        run_recipe(other, LoudnessTeacher(), tmp_path / "b.safetensors")


def test_stored_labels_are_weighted_by_the_mix(tiny_corpus: Path, tmp_path: Path) -> None:
    clips, store = read_corpus(tiny_corpus), LabelStore(tmp_path / "store")
    label(clips, LoudnessTeacher(), store)
    spec = BankSpec(items=30, seconds=0.5, shortest=0.3, mixed=0.5)
    bank = open_or_build(tmp_path / "bank", spec, clips, np.ones(len(clips)), [], workers=1)
    taught = stored_answers(bank, clips, store)
    known = [LoudnessTeacher().predict(_read(clip.path)) for clip in clips]
    for item in range(30):
        expected = known[bank.first[item]]
        if bank.second[item] >= 0:
            share = bank.share[item]
            expected = share * expected + (1 - share) * known[bank.second[item]]
        assert taught[item] == pytest.approx(expected, rel=1e-5)


def _read(path: Path) -> np.ndarray:
    from edge_ser.audio.files import read_audio

    return read_audio(path)


def test_a_checkpoint_a_card_and_a_curve_come_out(tiny_corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "student.safetensors"
    metrics = run_recipe(_recipe(tiny_corpus, tmp_path / "work"), LoudnessTeacher(), out)
    assert set(metrics["unseen_speakers"]) == {"ccc_arousal", "ccc_dominance", "ccc_valence"}
    student, card = load_student(out)
    assert card["teacher"] == {"id": "loudness", "licence": "CC0-1.0", "weights_sha256": "a" * 64}
    assert card["parameters"] == 15_888
    source = {"name": "tiny", "licence": "not stated", "use": "unlabelled speech"}
    assert card["training_data"] == [source]
    assert student(torch.zeros(1, 16_000)).shape == (1, 3)
    assert out.with_suffix(".curve.png").read_bytes().startswith(b"\x89PNG")
    assert "ccc_valence" in out.with_suffix(".curve.csv").read_text()


def test_equal_runs_give_equal_weights_and_other_work_is_refused(
    tiny_corpus: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        recipe = _recipe(tiny_corpus, tmp_path / name)
        run_recipe(recipe, LoudnessTeacher(), tmp_path / f"{name}.safetensors")
    first, second = (tmp_path / f"{name}.safetensors" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    changed = _recipe(tiny_corpus, tmp_path / "a", learning_rate=2e-3)
    with pytest.raises(InputError, match="other settings: learning_rate"):
        run_recipe(changed, LoudnessTeacher(), tmp_path / "c.safetensors")


def test_a_student_goes_on_from_a_checkpoint(tiny_corpus: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    run_recipe(_recipe(tiny_corpus, tmp_path / "a"), LoudnessTeacher(), first)
    gentle = {"start_from": first, "learning_rate": 1e-9, "steps": 1}
    run_recipe(_recipe(tiny_corpus, tmp_path / "a", **gentle), LoudnessTeacher("b" * 64), second)
    before, after = load_student(first)[0], load_student(second)[0]
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        assert torch.allclose(old, new, atol=1e-6), name
    card = read_card(second)
    assert card["history"][0]["teacher"]["weights_sha256"] == "a" * 64
    assert card["history"][0]["weights_sha256"] == read_card(first)["weights_sha256"]
    assert card["teacher"]["weights_sha256"] == "b" * 64
    with pytest.raises(InputError, match="is a wav2small-17k, not a wav2small"):
        wrong = _recipe(tiny_corpus, tmp_path / "b", student="wav2small", start_from=first)
        run_recipe(wrong, LoudnessTeacher(), second)


def test_nobody_goes_on_from_a_student_that_heard_the_held_out(
    tiny_corpus: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first.safetensors"
    run_recipe(_recipe(tiny_corpus, tmp_path / "a"), LoudnessTeacher(), first)
    assert held_out_in(read_card(first)["command"]) == ("tiny/03",)
    other = _recipe(tiny_corpus, tmp_path / "b", start_from=first, held_out=("tiny/08",))
    with pytest.raises(InputError, match="held-out speakers tiny/03, not tiny/08"):
        run_recipe(other, LoudnessTeacher(), tmp_path / "second.safetensors")
    assert not (tmp_path / "b").exists()  # before the bank


def test_small_corpora_are_watched_without_being_told(tmp_path: Path) -> None:
    def clips(count: int) -> list[Clip]:
        names = (f"{number}.wav" for number in range(count))
        return [Clip(tmp_path / name, name, "mine", {}) for name in names]

    for count in (2, 3, 5):
        training, watched = split(clips(count), ())
        assert watched.any()
        assert training.any()
    many = clips(200)
    _, watched = split(many, ())
    digests = [hashlib.sha256(f"mine/{clip.name}".encode()).hexdigest() for clip in many]
    assert watched.tolist() == [int(digest, 16) % 10 == 0 for digest in digests]
    for one, held_out in ((clips(1), ()), (clips(2), ("mine/0.wav", "mine/1.wav"))):
        with pytest.raises(InputError, match="nobody is left") as refusal:
            split(one, held_out)
        assert "--held-out" in refusal.value.hint


def test_one_bad_file_does_not_stop_a_distillation(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for clip in read_corpus(tiny_corpus)[:4]:
        (folder / clip.name).write_bytes(clip.path.read_bytes())
    (folder / "broken.wav").write_bytes(b"RIFF")
    recipe = _recipe(folder, tmp_path / "work", held_out=(), noise=folder, items=40)
    for _ in range(2):  # the second run takes up the bank of the first
        metrics = run_recipe(recipe, LoudnessTeacher(), tmp_path / "x.safetensors")
        assert "broken.wav" in capsys.readouterr().err
    assert set(metrics) == {"unseen_clips"}  # the folder names no speakers


def test_unknown_speakers_and_students_are_refused(tiny_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tiny/99"):
        recipe = _recipe(tiny_corpus, tmp_path / "a", held_out=("tiny/99",))
        run_recipe(recipe, LoudnessTeacher(), tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="no student called"):
        recipe = _recipe(tiny_corpus, tmp_path / "b", student="wav2large")
        run_recipe(recipe, LoudnessTeacher(), tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="no name for weights"):
        run_recipe(_recipe(tiny_corpus, tmp_path / "b"), LoudnessTeacher(), tmp_path / "x.json")
    assert not (tmp_path / "b").exists()  # refused before any work


@pytest.mark.parametrize(
    "option", ["--steps=0", "--items=x", "--mixed=2", "--seconds=-1", "--seed=-1"]
)
def test_senseless_numbers_are_refused_by_the_parser(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["distill", "--audio", "a", "--out", "b", option])
    assert option.split("=")[0] in capsys.readouterr().err


def test_the_command_learns_from_a_store_without_the_teacher(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label(read_corpus(tiny_corpus), LoudnessTeacher(), LabelStore(tmp_path / "store"))
    out = tmp_path / "student.safetensors"
    arguments = [
        "distill", "--student", "wav2small-17k", "--audio", str(tiny_corpus),
        "--labels", str(tmp_path / "store"), "--held-out", "tiny/03", "--out", str(out),
        "--work", str(tmp_path / "work"), "--items", "60", "--seconds", "0.5",
        "--steps", "2", "--batch", "4", "--jobs", "1",
    ]  # fmt: skip
    assert main(arguments) == 0
    assert "edge-ser export" in capsys.readouterr().out
    card = read_card(out)
    assert card["teacher"]["id"] == "loudness"
    assert "--labels store --held-out tiny/03" in card["command"]
