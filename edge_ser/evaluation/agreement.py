"""How closely a model follows its teacher, and how well both order emotions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError
from edge_ser.evaluation.discrimination import PAIRS, discrimination, with_interval
from edge_ser.evaluation.predictors import predictor_of
from edge_ser.metrics import ccc, mae, pcc
from edge_ser.teachers import load_teacher

Predictions = NDArray[np.float32]
"""(clips, 3) A/D/V."""


@dataclass(frozen=True)
class Fold:
    """A model and the teacher it is compared with, and whom they are asked about.

    Attributes:
        model: path for `predictor_of`.
        teacher: name or path for `load_teacher`.
        speakers: as corpus/speaker; none means everybody.
    """

    model: Path
    teacher: str
    speakers: tuple[str, ...]


def predict_folds(
    folds: Sequence[Fold], clips: Sequence[Clip], engine: str | None, seconds: float | None
) -> tuple[list[Clip], Predictions, Predictions]:
    """Every fold's pair on its speakers' clips, pooled.

    Args:
        folds: pairs and speakers.
        clips: of all folds.
        engine: runtime for bundles.
        seconds: use only this much of each file's beginning; None for all.

    Returns:
        The clips scored, the models' and the teachers' outputs, in the same order.

    Raises:
        InputError: a fold's speakers have no clip, or a clip cannot be scored.
    """
    scored: list[Clip] = []
    outputs: list[NDArray[np.float32]] = []
    answers: list[NDArray[np.float32]] = []
    for fold in folds:
        model, teacher = predictor_of(fold.model, engine), load_teacher(fold.teacher).predict
        for clip in tqdm(_of_speakers(clips, fold.speakers), desc="scoring", unit="clip"):
            audio = read_audio(clip.path)
            if seconds is not None:
                audio = audio[: int(seconds * SAMPLE_RATE)]
            scored.append(clip)
            try:
                outputs.append(model(audio))
                answers.append(teacher(audio))
            except InputError as error:
                raise InputError(f"{clip.path}: {error}", error.hint) from error
    return scored, np.stack(outputs), np.stack(answers)


def _of_speakers(clips: Sequence[Clip], speakers: tuple[str, ...]) -> list[Clip]:
    chosen = [clip for clip in clips if not speakers or clip.speaker in speakers]
    if not chosen:
        raise InputError(
            f"no clips of the speakers {', '.join(speakers)}",
            "speakers are named corpus/speaker, e.g. emodb/03",
        )
    return chosen


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
