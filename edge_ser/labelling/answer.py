"""The one labelling function: every engine, on every machine, asks a teacher through it.

Clips are answered one at a time and with one thread of torch, so that a value depends neither
on the clips beside it nor on how many processes there are: engines give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_ser import SAMPLE_RATE
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError
from edge_ser.labelling.store import LabelRow
from edge_ser.teachers import Teacher

LoadTeacher = Callable[[], Teacher]
"""Makes a worker's own teacher; picklable, e.g. `TeacherChoice(...).load`."""


@dataclass(frozen=True)
class Task:
    """A file to label: where it lies, and the SHA-256 of its bytes."""

    path: str
    audio_sha256: str


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a row, or the reason why there is none."""

    task: Task
    row: LabelRow | None = None
    reason: str = ""


class Engine(Protocol):
    """Runs tasks somewhere and gives their outcomes as they come, in any order.

    Raises:
        EnvironmentMissing: what it needs is not installed or cannot be reached.
        GateFailed: a worker died and could not be replaced.
    """

    def __call__(self, tasks: Sequence[Task]) -> Iterator[Outcome]: ...


def answer(task: Task, teacher: Teacher) -> Outcome:
    """One file's labels."""
    try:
        audio = read_audio(Path(task.path))
        arousal, dominance, valence = (float(value) for value in teacher.predict(audio))
    except (InputError, OSError) as error:
        return Outcome(task, reason=str(error))
    return Outcome(
        task,
        LabelRow(
            task.audio_sha256,
            task.path,
            round(len(audio) / SAMPLE_RATE, 4),
            arousal,
            dominance,
            valence,
            teacher.id,
            teacher.weights_sha256,
            teacher.licence,
        ),
    )


def use_one_thread() -> None:
    """Of torch, in this process; see the module's text."""
    import torch

    torch.set_num_threads(1)
