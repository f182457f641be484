"""The whole recipe of a distilled student: corpora, bank, teaching, training, card."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser.audio.bank import Bank, BankSpec, open_or_build
from edge_ser.audio.corpus import Clip, licence_of, read_corpus
from edge_ser.checkpoint import check_weights_name, read_card, save_weights
from edge_ser.distillation.distill import Lesson, agreement, distill
from edge_ser.distillation.label_store import LabelStore, TeacherIdentity
from edge_ser.distillation.teaching import answers, stored_answers
from edge_ser.errors import InputError
from edge_ser.students.catalogue import find_student
from edge_ser.students.cost import multiply_accumulates, parameter_count
from edge_ser.students.wav2small import Wav2Small
from edge_ser.teachers import Teacher
from edge_ser.teachers.recipe import attributions
from edge_ser.training.curves import plot_curve
from edge_ser.training.loop import Schedule
from edge_ser.work_folder import bind

_SHORTEST = 0.8
"""Seconds of the shortest crop."""

_WATCHED_ITEMS = 300
_WATCHED_SHARE = 10
"""One speaker in this many is kept out of training, to watch the student on."""


@dataclass(frozen=True)
class DistillRecipe:
    """Inputs and budget; see `edge-ser distill --help` for each."""

    student: str
    audio: tuple[Path, ...]
    noise: Path | None
    work: Path
    items: int
    seconds: float
    mixed: float
    steps: int
    batch: int
    learning_rate: float
    seed: int
    jobs: int
    held_out: tuple[str, ...]
    labels: Path | None
    start_from: Path | None = None


def run_recipe(recipe: DistillRecipe, teacher: Teacher | None, out: Path) -> dict[str, Any]:
    """Train a student and write checkpoint, card and learning curve.

    Args:
        recipe: inputs and budget.
        teacher: answers for each augmented item; None to use the stored labels.
        out: the student's `.safetensors`.

    Returns:
        The card's metrics.

    Raises:
        InputError: a corpus cannot be used, or nothing is left to train on.
    """
    check_weights_name(out)
    find_student(recipe.student)
    clips, weights = _sources(recipe.audio)
    noises = read_corpus(recipe.noise) if recipe.noise else []
    spec = BankSpec(
        recipe.items, recipe.seconds, min(_SHORTEST, recipe.seconds), recipe.mixed, recipe.seed
    )
    bank_folder = recipe.work / f"bank-seed{recipe.seed}"
    bank = open_or_build(bank_folder, spec, clips, weights, noises, recipe.jobs)
    identity = identity_of(teacher) if teacher else LabelStore(_store(recipe)).teacher()
    lesson = _lesson(recipe, bank, clips, teacher)
    folder = recipe.work / _run_name(recipe)
    bind(folder, "run.json", _run_settings(recipe, identity))
    student = _train_with_bar(recipe, lesson, folder)
    metrics = {"unseen_speakers": agreement(student, lesson, lesson.watched)}
    save_weights(out, student.state_dict(), _card(student, recipe, identity, noises, metrics))
    shutil.copy(plot_curve(folder / "curve.csv"), out.with_suffix(".curve.png"))
    shutil.copy(folder / "curve.csv", out.with_suffix(".curve.csv"))
    return metrics


def _run_name(recipe: DistillRecipe) -> str:
    without = "".join(f"-without-{voice.replace('/', '_')}" for voice in recipe.held_out)
    continued = "-continued" if recipe.start_from else ""
    return f"{recipe.student}-seed{recipe.seed}{without}{continued}"


def _run_settings(recipe: DistillRecipe, teacher: TeacherIdentity) -> dict[str, Any]:
    settings = asdict(recipe)
    if recipe.start_from:
        settings["start_from"] = read_card(recipe.start_from)["weights_sha256"]
    for free in ("audio", "noise", "work", "jobs", "labels"):  # the bank binds the audio
        del settings[free]
    return {**settings, "teacher": asdict(teacher)}


def identity_of(teacher: Teacher) -> TeacherIdentity:
    """What a card keeps of a teacher."""
    return TeacherIdentity(teacher.id, teacher.licence, teacher.weights_sha256)


def _sources(folders: Sequence[Path]) -> tuple[list[Clip], NDArray[np.float64]]:
    """Clips of all corpora; each corpus gets the same total weight, whatever its size."""
    clips: list[Clip] = []
    weights: list[float] = []
    for folder in folders:
        corpus = read_corpus(folder)
        clips += corpus
        weights += [1 / len(corpus)] * len(corpus)
    return clips, np.array(weights)


def _lesson(
    recipe: DistillRecipe, bank: Bank, clips: Sequence[Clip], teacher: Teacher | None
) -> Lesson:
    training, watched = _split(clips, recipe.held_out)
    learned, kept_out = bank.made_only_of(training), bank.made_only_of(watched)
    if teacher is None:
        taught = stored_answers(bank, clips, LabelStore(_store(recipe)))
        learned, kept_out = (rows[~np.isnan(taught[rows, 0])] for rows in (learned, kept_out))
    else:
        kept_out = kept_out[:_WATCHED_ITEMS]
        folder = recipe.work / f"taught-by-{teacher.weights_sha256[:12]}"
        taught = answers(bank, teacher, np.concatenate([kept_out, learned]), folder)
    if len(learned) == 0 or len(kept_out) == 0:
        raise InputError(
            f"{len(learned)} items to learn from and {len(kept_out)} to watch are too few",
            "give more audio or more --items; with --labels, label the same audio first",
        )
    return Lesson(bank, taught, learned, kept_out[:_WATCHED_ITEMS])


def _split(
    clips: Sequence[Clip], held_out: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of clips to learn from and to watch, by speaker.

    `held_out` names speakers as corpus/speaker; without any, a fixed tenth of them is kept
    out. A clip whose speaker is unknown is its own speaker.
    """
    voices = [clip.speaker or f"{clip.corpus}/{clip.name}" for clip in clips]
    if held_out:
        missing = sorted(set(held_out) - set(voices))
        if missing:
            raise InputError(
                f"no clip of the held-out speakers {', '.join(missing)}",
                "name them corpus/speaker, e.g. emodb/03",
            )
        watched = np.array([voice in held_out for voice in voices])
    else:
        watched = np.array([_bucket(voice) == 0 for voice in voices])
    return ~watched, watched


def _bucket(voice: str) -> int:
    return int(hashlib.sha256(voice.encode()).hexdigest(), 16) % _WATCHED_SHARE


def _train_with_bar(recipe: DistillRecipe, lesson: Lesson, folder: Path) -> Wav2Small:
    schedule = Schedule(recipe.steps, recipe.batch, recipe.learning_rate)
    with tqdm(total=recipe.steps, desc=f"distilling {recipe.student}", unit="step") as bar:

        def advance(step: int, loss: float) -> None:
            bar.update(step - bar.n)
            bar.set_postfix(loss=f"{loss:.4f}")

        return distill(
            recipe.student, lesson, schedule, recipe.seed, folder, advance, recipe.start_from
        )


def _store(recipe: DistillRecipe) -> Path:
    if recipe.labels is None:
        raise InputError("neither a teacher nor stored labels were given")
    return recipe.labels


def _card(
    student: Wav2Small,
    recipe: DistillRecipe,
    teacher: TeacherIdentity,
    noises: Sequence[Clip],
    metrics: dict[str, Any],
) -> dict[str, Any]:
    training_data = [{**licence_of(folder), "use": "unlabelled speech"} for folder in recipe.audio]
    if recipe.noise:
        training_data.append({**licence_of(recipe.noise), "use": "background noise"})
    command = (
        f"edge-ser distill --student {recipe.student} --audio "
        f"{' '.join(folder.name for folder in recipe.audio)}"
        + (f" --noise {recipe.noise.name}" if recipe.noise else "")
        + (f" --held-out {' '.join(recipe.held_out)}" if recipe.held_out else "")
        + f" --items {recipe.items} --seconds {recipe.seconds} --mixed {recipe.mixed}"
        f" --steps {recipe.steps} --batch {recipe.batch}"
        f" --learning-rate {recipe.learning_rate} --seed {recipe.seed}"
    )
    history = []
    if recipe.start_from:
        command += f" --start-from {recipe.start_from.name}"
        before = read_card(recipe.start_from)
        history = [*before.get("history", []), {key: before[key] for key in ("command", "teacher")}]
    return {
        "kind": "student",
        "student": recipe.student,
        "frontend": student.config.frontend.to_dict(),
        "parameters": parameter_count(student),
        "macs_per_5s": multiply_accumulates(student, 5 * student.config.frontend.sample_rate),
        "teacher": asdict(teacher),
        "training_data": training_data,
        "attribution": attributions(noises),
        "seed": recipe.seed,
        "command": command,
        "history": history,
        "metrics": metrics,
    }
