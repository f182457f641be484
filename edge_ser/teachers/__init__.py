"""Teachers: the models whose outputs a student learns."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

DEFAULT_TEACHER = "default"
"""Name of the small licence-clean teacher that ships with the package."""


class Teacher(Protocol):
    """What labelling and distillation ask of a teacher.

    Attributes:
        id: name that goes into label stores, cards and manifests.
        licence: SPDX id or name of the weights' licence; it travels with everything learned.
        weights_sha256: fingerprint of the weights.
    """

    id: str
    licence: str
    weights_sha256: str

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) at 16 kHz -> (3,) A/D/V."""
        ...

    def predict_batch(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(batch, samples) at 16 kHz, equally long -> (batch, 3) A/D/V."""
        ...


def load_teacher(name: str = DEFAULT_TEACHER) -> Teacher:
    """The shipped teacher, or one trained by `edge-ser train-teacher`.

    Args:
        name: "default", or the path of a teacher's `.safetensors` with its card beside it.

    Raises:
        InputError: no such file, or not a teacher's checkpoint.
    """
    from edge_ser.models import shipped
    from edge_ser.teachers.embedded import EmbeddedTeacher

    path = shipped("teacher.safetensors") if name == DEFAULT_TEACHER else Path(name)
    return EmbeddedTeacher.load(path)
