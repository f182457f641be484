"""The whole of `edge-ser evaluate` without its command line: score, compare, perturb, report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.audio.corpus import Clip
from edge_ser.evaluation.figures import Predictions
from edge_ser.evaluation.labels import UNIT, labels_of
from edge_ser.evaluation.predictors import Predictor, predictor_of
from edge_ser.evaluation.robust_parts import PartsInTurn
from edge_ser.evaluation.robustness import Sources, measure_robustness, perturbations
from edge_ser.evaluation.scoring import MODEL, TEACHER, Fold, Part, Reading, parts_of, predict
from edge_ser.evaluation.suite import comparison_report, suite_report

OTHER = "other"

LABELS_FOR_CHANGE = 20
"""Of a dimension, before its change of CCC is taken against them: that of a few clips is noise."""


@dataclass(frozen=True)
class Settings:
    """What is measured; see `edge-ser evaluate --help` for each.

    Attributes:
        engine: runtime of the other model, if that is a bundle.
        seconds: of each file's beginning.
        limit: most clips.
        seed: of the choice of clips and of the perturbations.
        scale: of the labels in the manifest.
        robustness: recordings to perturb with; None leaves robustness out.
        other: another model, compared pair by pair.
    """

    engine: str | None = None
    seconds: float | None = None
    limit: int | None = None
    seed: int = 0
    scale: tuple[float, float] = UNIT
    robustness: Sources | None = None
    other: Path | None = None


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        report: plain values, of `suite_report`, with "comparison" where asked for.
        clips: scored.
        predictions: role -> (clips, 3), in the order of the clips.
    """

    report: dict[str, Any]
    clips: list[Clip]
    predictions: dict[str, Predictions] = field(repr=False)


def evaluate(
    folds: Sequence[Fold],
    clips: Sequence[Clip],
    settings: Settings,
    load: Callable[[Path], Predictor] = predictor_of,
) -> Evaluation:
    """Score one model, or several folds pooled.

    Args:
        folds: models, their teachers and the speakers they are asked about.
        clips: of all folds.
        settings: what is measured.
        load: makes a model's predictor, here or on a device.

    Raises:
        InputError: a model, a clip or a label cannot be used.
    """
    parts = _limited(parts_of(folds, clips, load), settings.limit, settings.seed)
    # Before the scoring, which takes minutes: a label that cannot be used ends the run at once.
    labels = labels_of([clip for part in parts for clip in part.clips], settings.scale)
    read = Reading(settings.seconds)
    scored, answers = predict(_with_other(parts, settings), read)
    other = answers.pop(OTHER, None)
    report = suite_report(scored, answers, labels)
    if settings.robustness is not None:
        against, names = reference_for_change(labels, answers[TEACHER])
        robust = _robustness(parts, read, against, settings.robustness, settings.seed)
        report |= {"robustness": robust, "delta_ccc_to": names}
    if other is not None and settings.other is not None:
        report["comparison"] = {
            "other": settings.other.name,
            "figures": comparison_report(scored, answers[MODEL], other, answers[TEACHER], labels),
        }
    return Evaluation(report, scored, answers)


def _with_other(parts: Sequence[Part], settings: Settings) -> list[Part]:
    if settings.other is None:
        return list(parts)
    predictor = predictor_of(
        settings.other, settings.engine if _is_bundle(settings.other) else None
    )
    return [replace(part, predictors={**part.predictors, OTHER: predictor}) for part in parts]


def _is_bundle(path: Path) -> bool:
    return path.is_dir() or path.name.endswith(".tar.gz")


def _robustness(
    parts: Sequence[Part],
    read: Reading,
    reference: NDArray[np.float64],
    sources: Sources,
    seed: int,
) -> dict[str, Any]:
    """Role -> plain values of its `RobustnessResult`."""
    in_turn = PartsInTurn(parts, read)
    measured = measure_robustness(
        in_turn.predictors(), in_turn, perturbations(sources), reference, seed, progress=True
    )
    return {role: result.as_json() for role, result in measured.items()}


def reference_for_change(
    labels: NDArray[np.float64] | None, teacher: Predictions
) -> tuple[NDArray[np.float64], dict[str, str]]:
    """What the CCC is taken against that a perturbation may not lower.

    Args:
        labels: (clips, 3), NaN where there are none; None without any.
        teacher: (clips, 3) answers to the clips as they are.

    Returns:
        (clips, 3): the labels, in dimensions with fewer than `LABELS_FOR_CHANGE` of them the
        teacher's answers; and dimension -> "labels" or "teacher".
    """
    reference = teacher.astype(np.float64)
    names = dict.fromkeys(DIMENSIONS, TEACHER)
    if labels is not None:
        for axis, dimension in enumerate(DIMENSIONS):
            if (~np.isnan(labels[:, axis])).sum() >= LABELS_FOR_CHANGE:
                reference[:, axis] = labels[:, axis]
                names[dimension] = "labels"
    return reference, names


def _limited(parts: list[Part], limit: int | None, seed: int) -> list[Part]:
    """At most `limit` clips of all parts together; parts that keep none are left out."""
    everything = {clip.path: clip for part in parts for clip in part.clips}
    if limit is None or limit >= len(everything):
        return parts
    drawn = _drawn(list(everything.values()), limit, seed)
    kept = [tuple(clip for clip in part.clips if clip.path in drawn) for part in parts]
    return [replace(part, clips=clips) for part, clips in zip(parts, kept, strict=True) if clips]


def _drawn(clips: Sequence[Clip], limit: int, seed: int) -> set[Path]:
    """Files of `limit` clips, class by class in turn, each class in a random order."""
    random = np.random.default_rng(seed)
    classes: defaultdict[str, list[Path]] = defaultdict(list)
    for row in random.permutation(len(clips)):
        classes[clips[row].fields.get("emotion", "")].append(clips[row].path)
    turns = zip_longest(*(classes[name] for name in sorted(classes)))
    in_turn = [path for turn in turns for path in turn if path is not None]
    return set(in_turn[:limit])
