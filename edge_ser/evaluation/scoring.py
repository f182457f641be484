"""Who is asked about which clips: the model, its teacher and a random control, fold by fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser import SAMPLE_RATE
from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError
from edge_ser.evaluation.controls import RandomModel
from edge_ser.evaluation.figures import Predictions
from edge_ser.evaluation.predictors import Predictor
from edge_ser.teachers import TeacherChoice

MODEL, TEACHER, RANDOM = "model", "teacher", "random"
"""Roles that are scored side by side."""


@dataclass(frozen=True)
class Fold:
    """A model and the teacher it is compared with, and whom they are asked about.

    Attributes:
        model: path for `predictor_of`.
        teacher: which, and how it runs.
        speakers: as corpus/speaker; none means everybody.
    """

    model: Path
    teacher: TeacherChoice
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Clips and the predictors that are asked about them, by role."""

    clips: tuple[Clip, ...]
    predictors: Mapping[str, Predictor]


@dataclass(frozen=True)
class Reading:
    """How much of each file is used.

    Attributes:
        seconds: of its beginning; None for all.
    """

    seconds: float | None = None

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        audio = read_audio(clip.path)
        return audio if self.seconds is None else audio[: int(self.seconds * SAMPLE_RATE)]


def parts_of(
    folds: Sequence[Fold], clips: Sequence[Clip], load: Callable[[Path], Predictor]
) -> list[Part]:
    """Every fold's clips with its model, its teacher and the random control.

    Args:
        folds: pairs and speakers.
        clips: of all folds.
        load: makes a model's predictor.

    Raises:
        InputError: a fold's speakers have no clip, or a model or teacher cannot be loaded.
    """
    return [
        Part(
            _of_speakers(clips, fold.speakers),
            {
                MODEL: load(fold.model),
                TEACHER: fold.teacher.load().predict,
                RANDOM: RandomModel().predict,
            },
        )
        for fold in folds
    ]


def _of_speakers(clips: Sequence[Clip], speakers: tuple[str, ...]) -> tuple[Clip, ...]:
    chosen = tuple(clip for clip in clips if not speakers or clip.speaker in speakers)
    if not chosen:
        raise InputError(
            f"no clips of the speakers {', '.join(speakers)}",
            "speakers are named corpus/speaker, e.g. emodb/03",
        )
    return chosen


def predict(
    parts: Sequence[Part], read: Callable[[Clip], NDArray[np.float32]]
) -> tuple[list[Clip], dict[str, Predictions]]:
    """Every role's answers to all clips, pooled over the parts; progress bar.

    Returns:
        The clips, and role -> (clips, 3) in the same order.

    Raises:
        InputError: a clip cannot be scored.
    """
    scored: list[Clip] = []
    answers: dict[str, list[NDArray[np.float32]]] = {role: [] for role in parts[0].predictors}
    for part in parts:
        for clip in tqdm(part.clips, desc="scoring", unit="clip"):
            audio = read(clip)
            scored.append(clip)
            try:
                for role, predictor in part.predictors.items():
                    answers[role].append(predictor(audio))
            except InputError as error:
                raise InputError(f"{clip.path}: {error}", error.hint) from error
    return scored, {role: np.stack(values) for role, values in answers.items()}
