"""How far perturbations move a model's predictions, by the public suite's definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.drift.measure import ClipSet, DriftClip
from edge_ser.errors import InputError
from edge_ser.evaluation.robustness.perturbation import GROUPS, Group, Perturbation, checked
from edge_ser.metrics import ccc

if TYPE_CHECKING:
    from edge_ser.evaluation.predictors import Predictor

Values = NDArray[np.float64]
"""(clips, 3) A/D/V."""

UNCHANGED_BELOW = 0.05
"""A prediction that moves by less is unchanged."""

LOWEST_DELTA_CCC = -0.05
"""A CCC to the labels that falls by less passes."""

_FEWEST_LABELS = 2


@dataclass(frozen=True)
class Figures:
    """One perturbation, one dimension.

    Attributes:
        unchanged: share of clips whose prediction moves by less than .05.
        mean_change: mean absolute change.
        bias: mean change, with its sign.
        delta_ccc: CCC to the labels when perturbed, minus that when not; None where there are
            no labels or the suite does not ask for it.
        passed: at least the group's share is unchanged and the CCC, if measured, falls by less
            than .05.
    """

    unchanged: float
    mean_change: float
    bias: float
    delta_ccc: float | None
    passed: bool


@dataclass(frozen=True)
class Row:
    """One perturbation.

    Attributes:
        name, description: of the perturbation.
        group: key of its group.
        minimum_unchanged: share it must reach.
        missing: why it was not measured; '' if it was.
        figures: dimension -> figures; empty if not measured.
        published: the same test's figures of other models.
    """

    name: str
    description: str
    group: str
    minimum_unchanged: float
    missing: str
    figures: dict[str, Figures]
    published: list[dict[str, Any]]


@dataclass(frozen=True)
class GroupSummary:
    """One group, one dimension, over the perturbations that were measured.

    Attributes:
        mean_unchanged, lowest_unchanged: over them.
        passed, measured, not_measured: how many perturbations.
    """

    mean_unchanged: float
    lowest_unchanged: float
    passed: int
    measured: int
    not_measured: int


@dataclass(frozen=True)
class RobustnessResult:
    """All perturbations of one model.

    Attributes:
        clips: how many were perturbed.
        labelled: dimension -> how many of them have labels.
        seed: of the perturbations.
        rows: in the order of the suite.
        groups: key of a group -> dimension -> summary; groups without any measured row are
            absent.
    """

    clips: int
    labelled: dict[str, int]
    seed: int
    rows: tuple[Row, ...]
    groups: dict[str, dict[str, GroupSummary]]

    def as_json(self) -> dict[str, Any]:
        """Dictionaries, lists, numbers and strings only."""
        return asdict(self) | {"rows": [asdict(row) for row in self.rows]}


def measure_robustness(
    predictors: Mapping[str, Predictor],
    clips: ClipSet,
    perturbations: Sequence[Perturbation],
    labels: Values | None = None,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, RobustnessResult]:
    """Perturb every clip once and ask every model.

    Args:
        predictors: name -> model; all hear the same audio.
        clips: names and audio, 16 kHz; the order changes no figure.
        perturbations: rows; those with `missing` are reported as not measured.
        labels: (clips, 3) A/D/V on the predictions' scale, NaN where unknown.
        seed: with a clip's and a perturbation's name it decides all randomness.
        progress: show a bar.

    Returns:
        The predictors' names -> results.

    Raises:
        InputError: no model, no clips, audio or labels that cannot be used, or a model's answer
            is not three finite numbers.
        EnvironmentMissing: a library that perturbs is not installed.
    """
    if not predictors or not len(clips):
        raise InputError("robustness needs at least one model and one clip")
    _check_labels(labels, len(clips))
    measured = [each for each in perturbations if not each.missing]
    answers = _answers(predictors, _shown(clips, progress), measured, seed)
    return {name: _result(perturbations, answers[name], labels, seed) for name in predictors}


@dataclass(frozen=True)
class _Answers:
    """One model's predictions, each (3,), clip by clip.

    Attributes:
        plain: of the clips as they are.
        before, after: name of a perturbation -> predictions that are compared.
    """

    plain: list[Values]
    before: dict[str, list[Values]]
    after: dict[str, list[Values]]


def _answers(
    predictors: Mapping[str, Predictor],
    clips: Iterable[DriftClip],
    perturbations: Sequence[Perturbation],
    seed: int,
) -> dict[str, _Answers]:
    answers = {
        name: _Answers([], {each.name: [] for each in perturbations},
                       {each.name: [] for each in perturbations})
        for name in predictors
    }  # fmt: skip
    for clip in clips:
        audio = checked(clip.audio, clip.name)
        own = {name: _ask(predict, audio, clip.name) for name, predict in predictors.items()}
        for name, prediction in own.items():
            answers[name].plain.append(prediction)
        for each in perturbations:
            title = f"{clip.name} ({each.name})"
            changed = each.apply(audio, clip.name, seed)
            reference = each.apply_baseline(audio, clip.name, seed) if each.baseline else None
            for name, predict in predictors.items():
                before = own[name] if reference is None else _ask(predict, reference, title)
                answers[name].before[each.name].append(before)
                answers[name].after[each.name].append(_ask(predict, changed, title))
    return answers


def _ask(predict: Predictor, audio: NDArray[np.float32], title: str) -> Values:
    prediction = np.asarray(predict(audio), np.float64)
    if prediction.shape != (len(DIMENSIONS),) or not np.isfinite(prediction).all():
        raise InputError(f"{title}: the model answers {prediction}, not three finite numbers")
    return prediction


def _shown(clips: ClipSet, progress: bool) -> Iterable[DriftClip]:
    if not progress:
        return clips
    from tqdm import tqdm

    bar: Iterable[DriftClip] = tqdm(clips, total=len(clips), desc="perturbing", unit="clip")
    return bar


def _check_labels(labels: Values | None, clips: int) -> None:
    if labels is not None and labels.shape != (clips, len(DIMENSIONS)):
        raise InputError(f"labels of shape {labels.shape} do not fit {clips} clips of A/D/V")


def _result(
    perturbations: Sequence[Perturbation], answers: _Answers, labels: Values | None, seed: int
) -> RobustnessResult:
    clips = len(answers.plain)
    truth = np.full((clips, len(DIMENSIONS)), np.nan) if labels is None else labels
    rows = tuple(_row(each, answers, truth) for each in perturbations)
    labelled = (~np.isnan(truth)).sum(axis=0)
    return RobustnessResult(
        clips=clips,
        labelled={name: int(labelled[axis]) for axis, name in enumerate(DIMENSIONS)},
        seed=seed,
        rows=rows,
        groups=_groups(rows),
    )


def _row(perturbation: Perturbation, answers: _Answers, truth: Values) -> Row:
    figures = {}
    if not perturbation.missing:
        plain = np.stack(answers.plain)
        before = np.stack(answers.before[perturbation.name])
        after = np.stack(answers.after[perturbation.name])
        figures = {
            dimension: _figures(
                perturbation.group,
                after[:, axis] - before[:, axis],
                _delta_ccc(truth[:, axis], plain[:, axis], after[:, axis])
                if perturbation.group.delta_ccc
                else None,
            )
            for axis, dimension in enumerate(DIMENSIONS)
        }
    return Row(
        name=perturbation.name,
        description=perturbation.description,
        group=perturbation.group.key,
        minimum_unchanged=perturbation.group.minimum_unchanged,
        missing=perturbation.missing,
        figures=figures,
        published=[asdict(each) for each in perturbation.published],
    )


def _figures(group: Group, change: Values, delta_ccc: float | None) -> Figures:
    unchanged = float((np.abs(change) < UNCHANGED_BELOW).mean())
    keeps_ccc = delta_ccc is None or delta_ccc > LOWEST_DELTA_CCC
    return Figures(
        unchanged=unchanged,
        mean_change=float(np.abs(change).mean()),
        bias=float(change.mean()),
        delta_ccc=delta_ccc,
        passed=unchanged >= group.minimum_unchanged and keeps_ccc,
    )


def _delta_ccc(truth: Values, plain: Values, perturbed: Values) -> float | None:
    known = ~np.isnan(truth)
    if known.sum() < _FEWEST_LABELS:
        return None
    return ccc(truth[known], perturbed[known]) - ccc(truth[known], plain[known])


def _groups(rows: Sequence[Row]) -> dict[str, dict[str, GroupSummary]]:
    members = {group.key: [row for row in rows if row.group == group.key] for group in GROUPS}
    return {
        key: {dimension: _summary(group, dimension) for dimension in DIMENSIONS}
        for key, group in members.items()
        if any(row.figures for row in group)
    }


def _summary(rows: Sequence[Row], dimension: str) -> GroupSummary:
    figures = [row.figures[dimension] for row in rows if row.figures]
    shares = [each.unchanged for each in figures]
    return GroupSummary(
        mean_unchanged=float(np.mean(shares)),
        lowest_unchanged=min(shares),
        passed=sum(each.passed for each in figures),
        measured=len(figures),
        not_measured=len(rows) - len(figures),
    )
