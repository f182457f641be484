"""How closely a model follows its teacher, and how well both order emotions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_ser.audio.corpus import Clip
from edge_ser.evaluation.discrimination import PAIRS, discrimination
from edge_ser.evaluation.figures import Predictions
from edge_ser.evaluation.labels import regression


def agreement_report(
    model: Predictions, teacher: Predictions, clips: Sequence[Clip]
) -> dict[str, Any]:
    """CCC with 95 % intervals over speakers, PCC and MAE per dimension, and AUCs of both.

    The AUCs are there when the clips name their emotions and all of the pairs' occur.
    """
    speakers = [clip.speaker or clip.name for clip in clips]
    compared = regression(model, teacher.astype(float), speakers)
    report: dict[str, Any] = {
        "clips": len(clips),
        "speakers": len(set(speakers)),
        "to_teacher": {
            name: {key: figures[key] for key in ("ccc", "pcc", "mae")}
            for name, figures in compared.items()
        },
    }
    emotions = [clip.fields.get("emotion", "") for clip in clips]
    if {pair.higher for pair in PAIRS} | {pair.lower for pair in PAIRS} <= set(emotions):
        report["auc_model"] = discrimination(model, emotions, speakers)
        report["auc_teacher"] = discrimination(teacher, emotions, speakers)
    return report
