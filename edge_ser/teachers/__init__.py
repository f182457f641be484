"""Teachers: the models whose outputs a student learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import InputError

DEFAULT_TEACHER = "default"
"""Name of the small licence-clean teacher that ships with the package."""

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "bfloat16")


class Teacher(Protocol):
    """What labelling and distillation ask of a teacher.

    Attributes:
        id: name that goes into label stores, cards and manifests.
        licence: SPDX id or name of the weights' licence; it travels with everything learned.
        weights_sha256: fingerprint of the weights, and of the precision if it is not float32.
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


@runtime_checkable
class RaggedTeacher(Teacher, Protocol):
    """A teacher that answers clips of unequal length together; the rest follows from that."""

    def predict_many(self, clips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Clips of (samples,) at 16 kHz, of any lengths -> (clips, 3) A/D/V."""
        ...

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) at 16 kHz -> (3,) A/D/V."""
        answer: NDArray[np.float32] = self.predict_many([audio])[0]
        return answer

    def predict_batch(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(batch, samples) at 16 kHz, equally long -> (batch, 3) A/D/V."""
        return self.predict_many(list(audio))


def predict_many(teacher: Teacher, clips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A/D/V of clips of any lengths, the same as one by one (to 1e-4).

    Args:
        teacher: any; one that cannot pad and mask is asked clip by clip.
        clips: (samples,) each, at 16 kHz.

    Returns:
        (clips, 3), in the order of the clips.
    """
    if not clips:
        return np.empty((0, 3), np.float32)
    if isinstance(teacher, RaggedTeacher):
        return teacher.predict_many(clips)
    return np.stack([teacher.predict(clip) for clip in clips])


@dataclass(frozen=True)
class TeacherChoice:
    """Which teacher, and how it runs; small and picklable, so that worker processes can load it.

    Attributes:
        name: as `load_teacher` takes it.
        revision: commit of a hub repository; None for the pinned one.
        device: "auto", "cpu" or "cuda".
        precision: "float32" or "bfloat16".
    """

    name: str = DEFAULT_TEACHER
    revision: str | None = None
    device: str = "auto"
    precision: str = "float32"

    def load(self) -> Teacher:
        """The teacher; raises as `load_teacher` does."""
        return load_teacher(self.name, self.revision, self.device, self.precision)


def load_teacher(
    name: str = DEFAULT_TEACHER,
    revision: str | None = None,
    device: str = "auto",
    precision: str = "float32",
) -> Teacher:
    """The shipped teacher, one trained by `edge-ser train-teacher`, or a published one.

    Args:
        name: "default"; the path of a teacher's `.safetensors` with its card beside it;
            "wav2vec2-msp-dim", "wavlm-odyssey" or "ensemble", their mean; a folder with the files
            of one of the two; "ensemble=FOLDER,FOLDER"; or OWNER/NAME on the hub.
        revision: full commit of a hub repository; None for the pinned one.
        device: where a published teacher runs; "auto" takes a GPU if there is one.
        precision: of a published teacher's convolutions and matrix products.

    Raises:
        InputError: no such teacher, or its files cannot be used.
        EnvironmentMissing: a published teacher's packages are not installed, or there is no GPU.
    """
    from edge_ser.models import shipped

    _check_choice("device", device, DEVICES)
    _check_choice("precision", precision, PRECISIONS)
    if name != DEFAULT_TEACHER and not name.endswith(".safetensors"):
        from edge_ser.teachers.loading import load_published

        return load_published(name, revision, device, precision)
    if revision:
        raise InputError(
            f"--revision {revision} is of a repository on the hub, but {name} is a file",
            "leave --revision away",
        )
    from edge_ser.teachers.embedded import EmbeddedTeacher

    path = shipped("teacher.safetensors") if name == DEFAULT_TEACHER else Path(name)
    return EmbeddedTeacher.load(path)


def _check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"no {option} {value!r}", f"supported: {', '.join(allowed)}")
