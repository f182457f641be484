"""How closely a model follows its teacher, and how well both order emotions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser import DIMENSIONS
from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.evaluation.discrimination import PAIRS, discrimination, with_interval
from edge_ser.evaluation.predictors import Predictor
from edge_ser.metrics import ccc, mae, pcc

Predictions = NDArray[np.float32]
"""(clips, 3) A/D/V."""


def predict_all(
    predictors: dict[str, Predictor], clips: Sequence[Clip], seconds: float | None = None
) -> dict[str, Predictions]:
    """Every predictor on every clip, each file read once.

    Args:
        predictors: name -> predictor.
        clips: files to score.
        seconds: use only this much of each file's beginning; None for all.
    """
    outputs: dict[str, list[NDArray[np.float32]]] = {name: [] for name in predictors}
    for clip in tqdm(clips, desc="scoring", unit="clip"):
        audio = read_audio(clip.path)
        if seconds is not None:
            audio = audio[: int(seconds * 16_000)]
        for name, predict in predictors.items():
            outputs[name].append(predict(audio))
    return {name: np.stack(rows) for name, rows in outputs.items()}


def agreement_report(
    model: Predictions, teacher: Predictions, clips: Sequence[Clip]
) -> dict[str, Any]:
    """CCC with 95 % intervals over speakers, PCC and MAE per dimension, and AUCs of both.

    The AUCs are there when the clips name their emotions and all of the pairs' occur.
    """
    speakers = np.array([clip.speaker or clip.name for clip in clips])
    report: dict[str, Any] = {
        "clips": len(clips),
        "speakers": len(set(speakers)),
        "to_teacher": {
            name: {
                "ccc": with_interval(
                    partial(_ccc_rows, teacher[:, axis], model[:, axis]), speakers
                ),
                "pcc": round(pcc(teacher[:, axis], model[:, axis]), 4),
                "mae": round(mae(teacher[:, axis], model[:, axis]), 4),
            }
            for axis, name in enumerate(DIMENSIONS)
        },
    }
    emotions = [clip.fields.get("emotion", "") for clip in clips]
    if {pair.higher for pair in PAIRS} | {pair.lower for pair in PAIRS} <= set(emotions):
        report["auc_model"] = discrimination(model, emotions, list(speakers))
        report["auc_teacher"] = discrimination(teacher, emotions, list(speakers))
    return report


def _ccc_rows(
    truth: NDArray[np.float32], prediction: NDArray[np.float32], rows: NDArray[np.intp]
) -> float:
    return ccc(truth[rows], prediction[rows])
