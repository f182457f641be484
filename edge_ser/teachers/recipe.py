"""The whole recipe of the default teacher: bank, networks, figures, card."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_ser.audio.attribution import attributions
from edge_ser.audio.bank import BankSpec, open_or_build
from edge_ser.audio.corpus import Clip, check_distinct, corpus_name, licence_of, read_corpus
from edge_ser.checkpoint import check_weights_name
from edge_ser.errors import InputError
from edge_ser.students.cost import parameter_count
from edge_ser.teachers.cross_validation import FINAL, all_runs, train_all
from edge_ser.teachers.embedded import EmbeddedTeacher
from edge_ser.teachers.emodb import FOLDS, labels_without
from edge_ser.teachers.emotion_targets import RUSSELL_MEHRABIAN, adv_target
from edge_ser.teachers.report import (
    check_scorable,
    cross_validated,
    foreign,
    seed_spread,
    teacher_without,
)
from edge_ser.training.loop import Schedule

TEACHER_ID = "edge-ser-embedded-1"


@dataclass(frozen=True)
class TeacherRecipe:
    """Inputs and budget; see `edge-ser train-teacher --help` for each."""

    emodb: Path
    noise: Path
    work: Path
    steps: int
    batch: int
    variants: int
    seeds: int
    jobs: int
    cross_validate: bool
    evaluate_on: Path | None
    with_baseline: bool = True


def train_teacher(recipe: TeacherRecipe, out: Path) -> bool:
    """Train and write the teacher.

    Returns:
        Whether it beats the baseline in every comparison that was asked for.

    Raises:
        InputError: a corpus cannot be used.
    """
    check_weights_name(out)
    check_distinct([recipe.emodb, recipe.noise])
    clips, noises = read_corpus(recipe.emodb), read_corpus(recipe.noise)
    _check(recipe, clips)
    spec = BankSpec(items=len(clips) * recipe.variants)
    bank = open_or_build(
        recipe.work / "bank", spec, clips, np.ones(len(clips)), noises, recipe.jobs
    )
    schedule = Schedule(recipe.steps, recipe.batch)
    runs = all_runs(recipe.seeds, recipe.cross_validate, recipe.with_baseline)
    train_all(runs, bank, clips, schedule, recipe.work, recipe.jobs)
    teacher = teacher_without(FINAL, recipe.work, with_baseline=recipe.with_baseline)
    metrics = _figures(recipe, clips)
    _write(teacher, recipe, metrics, noises, out)
    _print(metrics, out)
    return all(
        figures["beats_baseline"] for figures in metrics.values() if "beats_baseline" in figures
    )


def _check(recipe: TeacherRecipe, clips: Sequence[Clip]) -> None:
    """Refuse, before hours of training, what would fail after them."""
    labels_without(clips, FINAL)  # refuses unknown emotions
    if not recipe.cross_validate:
        if recipe.evaluate_on:
            raise InputError(
                "--evaluate-on compares with the baseline, which only --cross-validate trains",
                "add --cross-validate, or leave --evaluate-on away",
            )
        return
    if recipe.seeds < 2:
        raise InputError(
            "--seeds 1 leaves no spread between seeds to report", "give --seeds 2 or more"
        )
    check_scorable(recipe.emodb, clips)
    absent = sorted({speaker for fold in FOLDS for speaker in fold} - _speakers(clips))
    if absent:
        raise InputError(
            f"{recipe.emodb} lacks the speakers {', '.join(absent)} of the cross-validation",
            "give the whole EMO-DB, or leave --cross-validate away",
        )
    if recipe.evaluate_on:
        check_scorable(recipe.evaluate_on, read_corpus(recipe.evaluate_on))


def _speakers(clips: Sequence[Clip]) -> set[str]:
    return {clip.fields["speaker"] for clip in clips}


def _figures(recipe: TeacherRecipe, clips: Sequence[Clip]) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    if recipe.cross_validate:
        all_of_it = recipe.with_baseline
        save_fold_teachers(recipe.work, all_of_it)
        metrics["emodb_5_folds"] = cross_validated(clips, recipe.work, all_of_it)
        metrics["seeds_of_first_fold"] = seed_spread(clips, recipe.work, recipe.seeds, all_of_it)
        if recipe.evaluate_on:
            name = corpus_name(recipe.evaluate_on)
            metrics[name] = foreign(read_corpus(recipe.evaluate_on), recipe.work, all_of_it)
    return metrics


def save_fold_teachers(work: Path, with_baseline: bool) -> None:
    """`fold-teachers/without-SPEAKERS.safetensors`: students are judged on unheard speakers."""
    for held_out in FOLDS:
        teacher = teacher_without(held_out, work, with_baseline=with_baseline)
        path = work / "fold-teachers" / f"without-{'-'.join(held_out)}.safetensors"
        teacher.save(path, teacher.card)


def _write(
    teacher: EmbeddedTeacher,
    recipe: TeacherRecipe,
    metrics: dict[str, Any],
    noises: Sequence[Clip],
    out: Path,
) -> None:
    card = {
        "id": TEACHER_ID,
        "licence": "Apache-2.0",
        "parameters": sum(parameter_count(network) for network in teacher.networks),
        "targets": {emotion: adv_target(emotion) for emotion in RUSSELL_MEHRABIAN},
        "targets_source": "mean of Russell & Mehrabian (1977) and of 46 human EMO-DB ratings",
        "training_data": [
            {**licence_of(recipe.emodb), "use": "training"},
            {**licence_of(recipe.noise), "use": "background noise"},
        ],
        "attribution": attributions(noises),
        "recipe": {"steps": recipe.steps, "batch": recipe.batch, "variants": recipe.variants},
        "seed": 0,
        "command": _command(recipe, out),
        "metrics": metrics,
    }
    teacher.save(out, card)


def _command(recipe: TeacherRecipe, out: Path) -> str:
    """How to train the same teacher again; folders and files by name, as paths are private."""
    words: list[object] = ["edge-ser", "train-teacher", "--emodb", corpus_name(recipe.emodb)]
    words += ["--noise", corpus_name(recipe.noise)]
    words += ["--cross-validate"] if recipe.cross_validate else []
    words += ["--evaluate-on", corpus_name(recipe.evaluate_on)] if recipe.evaluate_on else []
    words += [] if recipe.with_baseline else ["--without-baseline"]
    words += ["--steps", recipe.steps, "--batch", recipe.batch, "--variants", recipe.variants]
    words += ["--seeds", recipe.seeds, "--out", out.name]
    return shlex.join(map(str, words))


def _print(metrics: dict[str, Any], out: Path) -> None:
    for corpus, comparison in metrics.items():
        if "teacher" not in comparison:
            continue
        print(f"\n{corpus}: {comparison['clips']} clips, {comparison['speakers']} speakers")
        print(f"  {'metric':<32} {'teacher':>8} {'95 % interval':>17} {'baseline':>9}")
        for name, figure in comparison["teacher"].items():
            interval = f"[{figure['low']:.3f}, {figure['high']:.3f}]"
            baseline = comparison["baseline"][name]["value"]
            print(f"  {name:<32} {figure['value']:>8.3f} {interval:>17} {baseline:>9.3f}")
        verdict = "yes" if comparison["beats_baseline"] else "NO"
        print(f"  beats the baseline on every metric within tolerance: {verdict}")
    print(f"\nwrote {out}\nnext: edge-ser distill --teacher {out} --help")
