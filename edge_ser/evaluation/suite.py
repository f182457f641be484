"""The test suite for dimensional SER as one report: plain values, for JSON, HTML and gates.

Correctness (agreement, labels, order of emotions, consistency), then equal treatment; a random
control and the teacher take every test that the model takes. Robustness hears other audio and is
added by `evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.audio.corpus import Clip
from edge_ser.evaluation.agreement import agreement_report
from edge_ser.evaluation.breakdown import breakdown, differences, sexes_of
from edge_ser.evaluation.comparison import compare
from edge_ser.evaluation.consistency import consistency
from edge_ser.evaluation.figures import Predictions, Truth, figures_on
from edge_ser.evaluation.labels import regression
from edge_ser.evaluation.scoring import MODEL, TEACHER

SCHEMA = 1


def truth_of(
    clips: Sequence[Clip], teacher: Predictions, labels: NDArray[np.float64] | None
) -> Truth:
    """What the clips' manifests and the teacher say of them."""
    return Truth(
        emotions=[clip.fields.get("emotion", "") for clip in clips],
        speakers=[clip.speaker or clip.name for clip in clips],
        sexes=sexes_of(clips),
        labels=labels,
        teacher=teacher,
    )


def suite_report(
    clips: Sequence[Clip],
    predictions: Mapping[str, Predictions],
    labels: NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """All of the suite that these clips allow, but for robustness.

    Args:
        clips: scored, in the predictions' order.
        predictions: role -> (clips, 3); "model" and "teacher" at least.
        labels: (clips, 3) in 0..1, NaN where there are none.

    Returns:
        Plain values; a part that the clips do not allow is absent.
    """
    truth = truth_of(clips, predictions[TEACHER], labels)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        **agreement_report(predictions[MODEL], predictions[TEACHER], clips),
        "figures": {role: _rounded(figures_on(p, truth)) for role, p in predictions.items()},
    }
    if labels is not None:
        to_labels = {
            role: regression(values, labels, truth.speakers) for role, values in predictions.items()
        }
        if to_labels[MODEL]:
            report["labels"] = to_labels
    shares = {
        role: consistency(values, truth.emotions, truth.speakers)
        for role, values in predictions.items()
    }
    if shares[MODEL]:
        report["consistency"] = shares
    report["groups"] = _groups(predictions, truth, [clip.speaker for clip in clips])
    return report


def comparison_report(
    clips: Sequence[Clip],
    first: Predictions,
    second: Predictions,
    teacher: Predictions,
    labels: NDArray[np.float64] | None = None,
) -> dict[str, dict[str, float]]:
    """Paired differences of two models on the same clips; see `comparison.compare`."""
    return compare(first, second, truth_of(clips, teacher, labels))


def _groups(
    predictions: Mapping[str, Predictions], truth: Truth, speakers: Sequence[str]
) -> dict[str, Any]:
    """Breakdown by speaker and by sex of each role, with what stands out between the sexes.

    Clips of unknown speakers are in no group: `truth` has each as a speaker of its own.
    """
    reference = truth.teacher if truth.labels is None else truth.labels
    groups: dict[str, Any] = {
        kind: {
            role: breakdown(values, members, truth.emotions, reference)
            for role, values in predictions.items()
        }
        for kind, members in (("speaker", speakers), ("sex", truth.sexes))
    }
    found = [str(each) for each in differences(groups["sex"][MODEL]) if each.flagged]
    return {**groups, "flags": found}


def _rounded(figures: dict[str, float]) -> dict[str, float | None]:
    """For JSON, which knows no NaN."""
    return {name: None if np.isnan(value) else round(value, 4) for name, value in figures.items()}
