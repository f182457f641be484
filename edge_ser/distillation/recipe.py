"""The whole recipe of a distilled student: corpora, bank, teaching, training, card."""

from __future__ import annotations

import hashlib
import itertools
import shlex
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser.audio.attribution import attributions
from edge_ser.audio.bank import Bank, BankSpec, is_bank_of, open_or_build
from edge_ser.audio.corpus import Clip, check_distinct, corpus_name, licence_of, read_corpus
from edge_ser.audio.files import AUDIO_SUFFIXES
from edge_ser.audio.readable import only_readable
from edge_ser.checkpoint import check_weights_name, read_card, save_weights
from edge_ser.distillation.distill import Lesson, agreement, distill, initial_student
from edge_ser.distillation.teaching import Heard, answers, stored_answers
from edge_ser.errors import InputError
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
    teacher: str = "default"
    channel: float = 0.0
    hear: Heard = "degraded"
    precision: Precision = "bf16-mixed"
    compiled: bool = False


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
    check_shares(fabric, recipe.batch)
    if recipe.compiled and fabric.device.type == "cpu":
        raise InputError("--compile is for GPUs only", "leave it out to train on the CPU")
    check_weights_name(out)
    find_student(recipe.student)
    check_distinct(recipe.audio)
    _check_start(recipe)
    with fabric.rank_zero_first():  # it makes bank and answers, which the others then find
        clips, noises = _sources(recipe, quiet=not fabric.is_global_zero)
        training, watched = split(clips, recipe.held_out)
        spec, weights = _bank_spec(recipe), _weights(clips)
        bank = open_or_build(_bank_folder(recipe), spec, clips, weights, noises, recipe.jobs)
        identity = identity_of(teacher) if teacher else LabelStore(_store(recipe)).teacher()
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


def _bank_spec(recipe: DistillRecipe) -> BankSpec:
    return BankSpec(
        items=recipe.items,
        seconds=recipe.seconds,
        shortest=min(_SHORTEST, recipe.seconds),
        mixed=recipe.mixed,
        seed=recipe.seed,
        channel=recipe.channel,
        with_clean=recipe.hear == "clean",
    )


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


def _sources(recipe: DistillRecipe, quiet: bool) -> tuple[list[Clip], list[Clip]]:
    """Speech and noise that can be read; `quiet` tells of no bad file.

    Files are decoded to find that out, unless a bank of exactly these files exists already.

    Raises:
        InputError: a corpus cannot be used, or no speech is left.
    """
    clips = [clip for folder in recipe.audio for clip in read_corpus(folder)]
    noises = read_corpus(recipe.noise) if recipe.noise else []
    if is_bank_of(_bank_folder(recipe), clips, noises):
        return clips, noises
    clips = only_readable(clips, quiet)
    noises = only_readable(noises, quiet) if noises else []
    if not clips:
        raise InputError(
            f"none of the files in {', '.join(map(str, recipe.audio))} can be read",
            f"supported files: {', '.join(AUDIO_SUFFIXES)}",
        )
    return clips, noises


def _weights(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Each corpus gets the same total weight, whatever its size."""
    sizes = Counter(clip.corpus for clip in clips)
    return np.array([1 / sizes[clip.corpus] for clip in clips])


def _bank_folder(recipe: DistillRecipe) -> Path:
    return recipe.work / f"bank-seed{recipe.seed}"


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
        taught = stored_answers(bank, clips, LabelStore(_store(recipe)))
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
    words += ["--channel", recipe.channel] if recipe.channel else []
    words += ["--hear", recipe.hear] if recipe.hear != "degraded" else []
    words += ["--items", recipe.items, "--seconds", recipe.seconds, "--mixed", recipe.mixed]
    words += ["--steps", recipe.steps, "--batch", recipe.batch]
    words += ["--learning-rate", recipe.learning_rate, "--seed", recipe.seed]
    words += ["--precision", recipe.precision]
    words += ["--compile"] if recipe.compiled else []
    words += ["--start-from", recipe.start_from.name] if recipe.start_from else []
    return shlex.join(map(str, words))
