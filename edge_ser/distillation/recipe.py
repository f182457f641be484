"""The whole recipe of a distilled student: corpora, bank, teaching, training, card."""

from __future__ import annotations

import hashlib
import itertools
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser.audio.attribution import attributions
from edge_ser.audio.bank import Bank
from edge_ser.audio.bank_recipe import BankRecipe, student_bank
from edge_ser.audio.corpus import Clip, check_distinct, corpus_name, licence_of
from edge_ser.checkpoint import check_weights_name, read_card, save_weights
from edge_ser.distillation.distill import Lesson, agreement, distill, initial_student
from edge_ser.distillation.teaching import Heard, answers, stored_answers
from edge_ser.errors import InputError
from edge_ser.labelling.augmented import (
    Augmentation,
    augmentation_of,
    augmented_store,
    check_sources,
    replayed_answers,
)
from edge_ser.labelling.store import LabelStore, TeacherIdentity
from edge_ser.students.catalogue import find_student
from edge_ser.students.cost import multiply_accumulates, parameter_count
from edge_ser.students.student import Student
from edge_ser.teachers import Teacher
from edge_ser.teachers.loading import public_name
from edge_ser.training.curves import plot_curve
from edge_ser.training.loop import Schedule
from edge_ser.training.processes import Precision, check_shares, start_processes
from edge_ser.work_folder import bind

if TYPE_CHECKING:
    from lightning_fabric import Fabric

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
    teacher: str = "default"
    channel: float = 0.0
    hear: Heard = "degraded"
    precision: Precision = "bf16-mixed"
    compiled: bool = False
    replay: Augmentation | None = None

    @property
    def bank(self) -> BankRecipe:
        """Of the audio that the student hears."""
        if self.replay:
            folder = self.work / f"bank-replayed-seed{self.replay.spec.seed}"
            return BankRecipe(self.audio, self.noise, folder, self.replay.spec, self.jobs)
        clean = self.hear == "clean"
        spec = student_bank(self.items, self.seconds, self.mixed, self.seed, self.channel, clean)
        folder = self.work / f"bank-seed{self.seed}"
        return BankRecipe(self.audio, self.noise, folder, spec, self.jobs)


def run_recipe(
    recipe: DistillRecipe, teacher: Teacher | None, out: Path, fabric: Fabric | None = None
) -> dict[str, Any]:
    """Train a student and write checkpoint, card and learning curve.

    Several processes need a work folder that all of them see: the first one makes the bank, asks
    the teacher, keeps the state and writes the results.

    Args:
        recipe: inputs and budget.
        teacher: answers for each augmented item; None to use the stored labels.
        out: the student's `.safetensors`.
        fabric: the processes that train together, started with the recipe's precision; this one
            alone on the CPU by default.

    Returns:
        The card's metrics.

    Raises:
        InputError: a corpus cannot be used, or nothing is left to train on.
    """
    fabric = fabric or start_processes(precision=recipe.precision)
    if teacher is None:
        recipe = replace(recipe, replay=augmentation_of(_store(recipe)))
    check_shares(fabric, recipe.batch)
    if recipe.compiled and fabric.device.type == "cpu":
        raise InputError("--compile is for GPUs only", "leave it out to train on the CPU")
    check_weights_name(out)
    find_student(recipe.student)
    check_distinct(recipe.audio)
    _check_start(recipe)
    with fabric.rank_zero_first():  # it makes bank and answers, which the others then find
        clips, noises = recipe.bank.sources(quiet=not fabric.is_global_zero)
        training, watched = split(clips, recipe.held_out)
        if recipe.replay:
            check_sources(recipe.replay, clips, noises)
        bank = recipe.bank.build(clips, noises)
        identity = identity_of(teacher) if teacher else _labels(recipe).teacher()
        lesson = _lesson(recipe, bank, clips, training, watched, teacher)
        folder = recipe.work / _run_name(recipe)
        bind(folder, "run.json", _run_settings(recipe, identity))
    student = _train_with_bar(recipe, lesson, folder, fabric)
    named = any(clip.speaker for clip, seen in zip(clips, watched, strict=True) if seen)
    unseen = "unseen_speakers" if named else "unseen_clips"
    metrics = {unseen: agreement(student, lesson, lesson.watched)}
    if fabric.is_global_zero:
        card = _card(student, recipe, identity, noises, metrics, fabric.world_size)
        save_weights(out, student.state_dict(), card)
        shutil.copy(plot_curve(folder / "curve.csv"), out.with_suffix(".curve.png"))
        shutil.copy(folder / "curve.csv", out.with_suffix(".curve.csv"))
    fabric.barrier()
    return metrics


def _check_start(recipe: DistillRecipe) -> None:
    """Refuse a student to go on from that has learned from speakers who are to be unheard."""
    if recipe.start_from is None:
        return
    initial_student(recipe.student, recipe.start_from)
    earlier = held_out_in(read_card(recipe.start_from).get("command", ""))
    if set(earlier) != set(recipe.held_out):
        raise InputError(
            f"{recipe.start_from} was trained with the held-out speakers "
            f"{', '.join(earlier) or '(none named)'}, not {', '.join(recipe.held_out) or '(none)'}",
            "a student must not go on from one that has heard the speakers it is judged on: "
            "give the same --held-out",
        )


def held_out_in(command: str) -> tuple[str, ...]:
    """The speakers that a card's `command` names after `--held-out`.

    Examples:
        >>> held_out_in("edge-ser distill --held-out emodb/03 emodb/08 --items 9")
        ('emodb/03', 'emodb/08')
    """
    words = shlex.split(command)
    if "--held-out" not in words:
        return ()
    after = words[words.index("--held-out") + 1 :]
    return tuple(itertools.takewhile(lambda word: not word.startswith("--"), after))


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


def _lesson(
    recipe: DistillRecipe,
    bank: Bank,
    clips: Sequence[Clip],
    training: NDArray[np.bool_],
    watched: NDArray[np.bool_],
    teacher: Teacher | None,
) -> Lesson:
    learned, kept_out = bank.made_only_of(training), bank.made_only_of(watched)
    if teacher is None:
        taught = _stored(recipe, bank, clips)
        learned, kept_out = (rows[~np.isnan(taught[rows, 0])] for rows in (learned, kept_out))
    else:
        kept_out = kept_out[:_WATCHED_ITEMS]
        folder = recipe.work / f"taught-by-{teacher.weights_sha256[:12]}"
        asked = np.concatenate([kept_out, learned])
        taught = answers(bank, teacher, asked, folder, recipe.hear)
    if len(learned) == 0 or len(kept_out) == 0:
        raise InputError(
            f"{len(learned)} items to learn from and {len(kept_out)} to watch are too few",
            "give more audio or more --items, or choose whom to watch with --held-out; "
            "with --labels, label the same audio first",
        )
    return Lesson(bank, taught, learned, kept_out[:_WATCHED_ITEMS])


def _labels(recipe: DistillRecipe) -> LabelStore:
    """The stored labels: of the augmented audio, where the store has such."""
    store = _store(recipe)
    return augmented_store(store) if recipe.replay else LabelStore(store)


def _stored(recipe: DistillRecipe, bank: Bank, clips: Sequence[Clip]) -> NDArray[np.float32]:
    """(items, 3): the label of exactly each item, or what its clips' labels make of it."""
    if recipe.replay:
        return replayed_answers(bank, _store(recipe), recipe.replay.clean)
    return stored_answers(bank, clips, LabelStore(_store(recipe)))


def split(
    clips: Sequence[Clip], held_out: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of clips to learn from and to watch, by speaker.

    `held_out` names speakers as corpus/speaker; without any, a fixed tenth of them is kept
    out, at least one. A clip whose speaker is unknown is its own speaker.

    Raises:
        InputError: a held-out speaker has no clip, or nobody is left to learn from.
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
        chosen = {voice for voice in voices if _hash(voice) % _WATCHED_SHARE == 0}
        chosen = chosen or {min(voices, key=_hash)}  # small corpora: a tenth may be nobody
        watched = np.array([voice in chosen for voice in voices])
    if watched.all():
        raise InputError(
            "every speaker is kept out of training, nobody is left to learn from",
            "give audio of at least two speakers, or name fewer with --held-out CORPUS/SPEAKER",
        )
    return ~watched, watched


def _hash(voice: str) -> int:
    return int(hashlib.sha256(voice.encode()).hexdigest(), 16)


def _train_with_bar(recipe: DistillRecipe, lesson: Lesson, folder: Path, fabric: Fabric) -> Student:
    schedule = Schedule(recipe.steps, recipe.batch, recipe.learning_rate)
    title, hidden = f"distilling {recipe.student}", not fabric.is_global_zero
    with tqdm(total=recipe.steps, desc=title, unit="step", disable=hidden) as bar:

        def advance(step: int, loss: float) -> None:
            bar.update(step - bar.n)
            bar.set_postfix(loss=f"{loss:.4f}")

        return distill(
            recipe.student,
            lesson,
            schedule,
            recipe.seed,
            folder,
            advance,
            recipe.start_from,
            fabric,
            recipe.compiled,
        )


def _store(recipe: DistillRecipe) -> Path:
    if recipe.labels is None:
        raise InputError("neither a teacher nor stored labels were given")
    return recipe.labels


def _card(
    student: Student,
    recipe: DistillRecipe,
    teacher: TeacherIdentity,
    noises: Sequence[Clip],
    metrics: dict[str, Any],
    processes: int,
) -> dict[str, Any]:
    training_data = [{**licence_of(folder), "use": "unlabelled speech"} for folder in recipe.audio]
    if recipe.noise:
        training_data.append({**licence_of(recipe.noise), "use": "background noise"})
    history = []
    if recipe.start_from:
        before = read_card(recipe.start_from)
        step = {key: before[key] for key in ("command", "teacher", "weights_sha256")}
        history = [*before.get("history", []), step]
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
        "command": _command(recipe, processes),
        "history": history,
        "metrics": metrics,
    }


def _bank_words(recipe: DistillRecipe) -> list[object]:
    words: list[object] = ["--channel", recipe.channel] if recipe.channel else []
    words += ["--hear", recipe.hear] if recipe.hear != "degraded" else []
    return [*words, "--items", recipe.items, "--seconds", recipe.seconds, "--mixed", recipe.mixed]


def _command(recipe: DistillRecipe, processes: int) -> str:
    """How to train the same student again; folders and files by name, as paths are private."""
    words: list[object] = ["edge-ser"]
    if processes > 1:
        words = ["torchrun", "--nproc-per-node", processes, "-m", "edge_ser"]
    words += ["distill", "--student", recipe.student, "--audio"]
    words += [corpus_name(folder) for folder in recipe.audio]
    words += ["--noise", corpus_name(recipe.noise)] if recipe.noise else []
    words += (
        ["--labels", recipe.labels.name]
        if recipe.labels
        else ["--teacher", public_name(recipe.teacher)]
    )
    words += ["--held-out", *recipe.held_out] if recipe.held_out else []
    words += [] if recipe.replay else _bank_words(recipe)
    words += ["--steps", recipe.steps, "--batch", recipe.batch]
    words += ["--learning-rate", recipe.learning_rate, "--seed", recipe.seed]
    words += ["--precision", recipe.precision]
    words += ["--compile"] if recipe.compiled else []
    words += ["--start-from", recipe.start_from.name] if recipe.start_from else []
    return shlex.join(map(str, words))
