"""The figures of the teacher's card: cross-validated, against the baseline, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser import DIMENSIONS
from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError
from edge_ser.evaluation.discrimination import PAIRS, discrimination, with_interval
from edge_ser.metrics import ccc
from edge_ser.teachers.cnn import EmotionCnn
from edge_ser.teachers.cross_validation import FINAL, baseline_run, load_run, teacher_runs
from edge_ser.teachers.embedded import EmbeddedTeacher
from edge_ser.teachers.emodb import FOLDS, labels_without, read_duration_safe

LARGEST_LOSS = 0.02
"""No metric of the teacher may be worse than the baseline's by more than this."""

Reader = Callable[[Clip], NDArray[np.float32]]


def teacher_without(
    held_out: tuple[str, ...], work: Path, seed: int = 0, with_baseline: bool = True
) -> EmbeddedTeacher:
    """A teacher that has never heard some speakers; its card holds only a name."""
    networks = [load_run(run, work) for run in teacher_runs(held_out, seed, with_baseline)]
    return _anonymous(networks, f"fold-teacher-without-{'-'.join(held_out)}")


def predict_clips(teacher: EmbeddedTeacher, clips: Sequence[Clip], read: Reader) -> NDArray[Any]:
    """(clips, 3) A/D/V, with a progress bar."""
    bar = tqdm(clips, desc=f"predicting ({teacher.id})", unit="clip", leave=False)
    return np.stack([teacher.predict(read(clip)) for clip in bar])


def check_scorable(folder: Path, clips: Sequence[Clip]) -> None:
    """Whether the report can be made of a corpus.

    Raises:
        InputError: a clip without speaker or emotion, or an emotion of the pairs is missing.
    """
    for column in ("speaker", "emotion"):
        if not all(clip.fields.get(column) for clip in clips):
            raise InputError(
                f"{folder} does not name the {column} of every clip",
                "its manifest.csv needs the columns path, speaker and emotion",
            )
    needed = {emotion for pair in PAIRS for emotion in (pair.higher, pair.lower)}
    absent = sorted(needed - set(_emotions(clips)))
    if absent:
        raise InputError(
            f"{folder} holds no clip of {', '.join(absent)}",
            f"the figures need: {', '.join(sorted(needed))}",
        )


def cross_validated(
    clips: Sequence[Clip], work: Path, with_baseline: bool = True
) -> dict[str, Any]:
    """EMO-DB, every speaker scored by networks that never heard them, predictions pooled."""
    ours = np.zeros((len(clips), 3), np.float32)
    theirs = np.zeros_like(ours)
    for held_out in FOLDS:
        rows = _rows_of(clips, held_out)
        part = [clips[row] for row in rows]
        teacher = teacher_without(held_out, work, with_baseline=with_baseline)
        ours[rows] = predict_clips(teacher, part, read_duration_safe)
        theirs[rows] = predict_clips(_baseline(held_out, work), part, read_duration_safe)
    return _compare(clips, ours, theirs, labels_without(clips, ()).adv)


def foreign(clips: Sequence[Clip], work: Path, with_baseline: bool = True) -> dict[str, Any]:
    """A corpus of another language that nothing was trained or selected on, whole files."""
    teacher = teacher_without(FINAL, work, with_baseline=with_baseline)
    ours = predict_clips(teacher, clips, _whole)
    theirs = predict_clips(_baseline(FINAL, work), clips, _whole)
    return _compare(clips, ours, theirs, None)


def seed_spread(
    clips: Sequence[Clip], work: Path, seeds: int, with_baseline: bool = True
) -> dict[str, Any]:
    """The teacher of the first fold trained again with other seeds."""
    rows = _rows_of(clips, FOLDS[0])
    part = [clips[row] for row in rows]
    figures = []
    for seed in range(seeds):
        predictions = predict_clips(
            teacher_without(FOLDS[0], work, seed, with_baseline), part, read_duration_safe
        )
        scores = discrimination(predictions, _emotions(part), _speakers(part), rounds=2)
        figures.append({name: score["value"] for name, score in scores.items()})
    spread = {
        name: round(float(np.std([figure[name] for figure in figures], ddof=1)), 4)
        for name in figures[0]
    }
    return {"held_out": FOLDS[0], "seeds": figures, "standard_deviation": spread}


def beats_baseline(comparison: dict[str, Any]) -> bool:
    """Higher mean, and nothing worse by more than `LARGEST_LOSS`."""
    ours, theirs = comparison["teacher"], comparison["baseline"]
    losses = [theirs[name]["value"] - ours[name]["value"] for name in ours]
    return ours["mean"]["value"] > theirs["mean"]["value"] and max(losses) <= LARGEST_LOSS


def _compare(
    clips: Sequence[Clip],
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    targets: NDArray[np.float32] | None,
) -> dict[str, Any]:
    comparison: dict[str, Any] = {"clips": len(clips), "speakers": len(set(_speakers(clips)))}
    for role, predictions in (("teacher", ours), ("baseline", theirs)):
        figures = discrimination(predictions, _emotions(clips), _speakers(clips))
        if targets is not None:
            figures |= _ccc_to_targets(predictions, targets, np.array(_speakers(clips)))
        comparison[role] = figures
    comparison["beats_baseline"] = beats_baseline(comparison)
    return comparison


def _ccc_to_targets(
    predictions: NDArray[np.float32], targets: NDArray[np.float32], speakers: NDArray[np.str_]
) -> dict[str, dict[str, float]]:
    def agreement(axis: int, rows: NDArray[np.intp]) -> float:
        return ccc(targets[rows, axis], predictions[rows, axis])

    return {
        f"CCC to targets ({dimension})": with_interval(partial(agreement, axis), speakers)
        for axis, dimension in enumerate(DIMENSIONS)
    }


def _baseline(held_out: tuple[str, ...], work: Path) -> EmbeddedTeacher:
    return _anonymous([load_run(baseline_run(held_out), work)], "baseline")


def _anonymous(networks: Sequence[EmotionCnn], name: str) -> EmbeddedTeacher:
    return EmbeddedTeacher(networks, {"id": name, "licence": "Apache-2.0"})


def _whole(clip: Clip) -> NDArray[np.float32]:
    return read_audio(clip.path)


def _rows_of(clips: Sequence[Clip], held_out: Sequence[str]) -> list[int]:
    return [row for row, clip in enumerate(clips) if clip.fields["speaker"] in held_out]


def _emotions(clips: Sequence[Clip]) -> list[str]:
    return [clip.fields["emotion"] for clip in clips]


def _speakers(clips: Sequence[Clip]) -> list[str]:
    return [clip.fields["speaker"] for clip in clips]
