"""The one labelling function: every engine, on every machine, asks a teacher through it.

Clips are answered one at a time and with one thread of torch, so that a value depends neither
on the clips beside it nor on how many processes there are: engines give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.bank import Bank, open_bank
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError
from edge_ser.labelling.store import LabelRow
from edge_ser.teachers import Teacher

LoadTeacher = Callable[[], Teacher]
"""Makes a worker's own teacher; picklable, e.g. `TeacherChoice(...).load`."""


@dataclass(frozen=True)
class Task:
    """Audio to label: a file, or an item of an augmented bank.

    Attributes:
        path: of the file; of an item, its number, for people.
        audio_sha256: of the file's bytes; of an item, of the samples that the teacher hears.
        bank: folder of the bank; "" for a file.
        item: number in the bank; -1 for a file.
        clean: whether the teacher hears the item as it was before it was degraded.
    """

    path: str
    audio_sha256: str
    bank: str = ""
    item: int = -1
    clean: bool = False

    def read(self) -> NDArray[np.float32]:
        """(samples,) at 16 kHz.

        Raises:
            InputError, OSError: the file cannot be read.
        """
        if not self.bank:
            return read_audio(Path(self.path))
        bank, items = _bank(self.bank), np.array([self.item])
        return (bank.clean_batch(items) if self.clean else bank.batch(items))[0]


@lru_cache(1)
def _bank(folder: str) -> Bank:
    return open_bank(Path(folder))


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
    """The labels of one file or item."""
    try:
        audio = task.read()
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
