"""Names of the students and how to build each."""

from __future__ import annotations

from collections.abc import Callable

from edge_ser.errors import InputError
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.students.mobilenet import FRONTEND, MobileNet, MobileNetConfig, Variant
from edge_ser.students.student import Student
from edge_ser.students.wav2small import Wav2Small, Wav2SmallConfig

Builder = Callable[[FrontEndSpec | None], Student]
"""From a log-mel, None for the student's own, to an untrained student."""


def _wav2small(frontend: FrontEndSpec | None) -> Student:
    return Wav2Small(Wav2SmallConfig(frontend or FrontEndSpec(), frame_linear=True))


def _wav2small_17k(frontend: FrontEndSpec | None) -> Student:
    return Wav2Small(Wav2SmallConfig(frontend or FrontEndSpec(), frame_linear=False))


def _mobilenet(variant: Variant) -> Builder:
    def build(frontend: FrontEndSpec | None) -> Student:
        return MobileNet(MobileNetConfig(frontend or FRONTEND, variant))

    return build


STUDENTS: dict[str, Builder] = {
    "wav2small": _wav2small,
    "wav2small-17k": _wav2small_17k,
    "mobilenetv4-s": _mobilenet("v4-small"),
    "mobilenetv4-m": _mobilenet("v4-medium"),
    "mobilenetv3-s": _mobilenet("v3-small"),
    "mobilenetv3-l": _mobilenet("v3-large"),
}
"""Name -> builder."""


def find_student(name: str) -> Builder:
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
        frontend: its log-mel; the student's own by default.

    Raises:
        InputError: unknown name.
    """
    return find_student(name)(frontend)
