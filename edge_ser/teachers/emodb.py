"""EMO-DB as the teacher's training corpus: labels, speaker folds, duration-safe reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError
from edge_ser.teachers.cnn_training import Labels
from edge_ser.teachers.emotion_targets import RUSSELL_MEHRABIAN, adv_target

FOLDS: tuple[tuple[str, ...], ...] = (
    ("03", "08"),
    ("09", "10"),
    ("11", "13"),
    ("12", "14"),
    ("15", "16"),
)
"""Speakers held out in each fold, one man and one woman where the corpus allows."""

_SECONDS = 2.0
_EMOTIONS = tuple(RUSSELL_MEHRABIAN)


def labels_without(clips: Sequence[Clip], held_out: Sequence[str]) -> Labels:
    """Targets of all clips; those of the held-out speakers are marked untrainable."""
    emotions = [clip.fields.get("emotion", "") for clip in clips]
    adv = np.array([adv_target(emotion) for emotion in emotions], dtype=np.float32)
    trainable = np.array([clip.fields.get("speaker") not in held_out for clip in clips])
    if not trainable.any():
        raise InputError("no clip is left to train on once the held-out speakers are removed")
    return Labels(adv, np.array([_EMOTIONS.index(e) for e in emotions]), trainable)


def read_duration_safe(clip: Clip) -> NDArray[np.float32]:
    """The first two seconds: some classes are cut there, so a longer clip gives the class away."""
    return read_audio(clip.path)[: int(_SECONDS * SAMPLE_RATE)]
