"""Names of the students and how to build each."""

from __future__ import annotations

from collections.abc import Callable

from edge_ser.errors import InputError
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.students.student import Student
from edge_ser.students.wav2small import Wav2Small, Wav2SmallConfig


def _wav2small(frontend: FrontEndSpec) -> Wav2Small:
    return Wav2Small(Wav2SmallConfig(frontend, frame_linear=True))


def _wav2small_17k(frontend: FrontEndSpec) -> Wav2Small:
    return Wav2Small(Wav2SmallConfig(frontend, frame_linear=False))


STUDENTS: dict[str, Callable[[FrontEndSpec], Student]] = {
    "wav2small": _wav2small,
    "wav2small-17k": _wav2small_17k,
}


def find_student(name: str) -> Callable[[FrontEndSpec], Student]:
    """The builder of a student.

    Raises:
        InputError: unknown name.
    """
    if name not in STUDENTS:
        raise InputError(f"no student called {name!r}", f"known students: {', '.join(STUDENTS)}")
    return STUDENTS[name]


def build_student(name: str, frontend: FrontEndSpec | None = None) -> Student:
    """An untrained student.

    Args:
        name: a key of `STUDENTS`.
        frontend: its log-mel; Wav2Small's own by default.

    Raises:
        InputError: unknown name.
    """
    return find_student(name)(frontend or FrontEndSpec())
