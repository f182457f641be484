"""Distillation: a student learns a teacher's outputs, and nothing else.

The student sees items of an augmented bank (real, mixed, noisy, filtered speech) and the
teacher's answer to exactly that audio; no human label enters (as in arXiv 2408.13920).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from edge_ser import DIMENSIONS
from edge_ser.audio.bank import Bank
from edge_ser.checkpoint import load_student
from edge_ser.errors import InputError
from edge_ser.metrics import ccc
from edge_ser.students.catalogue import build_student
from edge_ser.students.student import Student
from edge_ser.training.loop import Schedule, train
from edge_ser.training.losses import ccc_l1_loss


@dataclass(frozen=True)
class Lesson:
    """What a student is trained and watched on.

    Attributes:
        bank: augmented audio.
        answers: (bank items, 3) the teacher's A/D/V.
        training: items to learn from.
        watched: items of speakers it does not learn from, for the learning curve.
    """

    bank: Bank
    answers: NDArray[np.float32]
    training: NDArray[np.int64]
    watched: NDArray[np.int64]


def distill(
    student_name: str,
    lesson: Lesson,
    schedule: Schedule,
    seed: int,
    folder: Path,
    progress: Callable[[int, float], None] | None = None,
    start_from: Path | None = None,
) -> Student:
    """A trained student; takes up what `folder` holds of the same run.

    Args:
        student_name: of the catalogue.
        lesson: audio and answers.
        schedule: steps and rates.
        seed: of initialisation and batches.
        folder: resumable state.
        progress: told (step, mean loss).
        start_from: checkpoint of the same student to go on from, instead of random weights.

    Raises:
        InputError: unknown student, or `start_from` is of another one.
    """
    torch.manual_seed(seed)
    student = initial_student(student_name, start_from).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss_of(random: Generator) -> Tensor:
        items = random.choice(lesson.training, schedule.batch)
        with torch.no_grad():
            log_mel = student.frontend(torch.from_numpy(lesson.bank.batch(items)))
        with torch.autocast("cpu", torch.bfloat16):
            values, scores = student.backbone(log_mel.contiguous(memory_format=torch.channels_last))
        prediction = student.head(values.float(), scores.float())
        return ccc_l1_loss(prediction, torch.from_numpy(lesson.answers[items]))

    def watch(step: int) -> dict[str, float]:
        return agreement(student, lesson, lesson.watched)

    train(student, loss_of, schedule, seed, folder, after_save=watch, progress=progress)
    return student


def initial_student(student_name: str, start_from: Path | None) -> Student:
    """What training begins with: random weights, or those of a checkpoint.

    Raises:
        InputError: unknown student, or `start_from` is damaged or of another one.
    """
    if start_from is None:
        return build_student(student_name)
    student, card = load_student(start_from)
    if card["student"] != student_name:
        raise InputError(f"{start_from} is a {card['student']}, not a {student_name}")
    return student


def agreement(
    student: Student, lesson: Lesson, items: Sequence[int] | NDArray[np.int64]
) -> dict[str, float]:
    """CCC of student and teacher per dimension on some items of the bank."""
    student.eval()
    with torch.inference_mode():
        predictions = np.concatenate(
            [student(torch.from_numpy(lesson.bank.batch(part))).numpy() for part in _parts(items)]
        )
    truth = lesson.answers[np.asarray(items)]
    return {
        f"ccc_{name}": ccc(truth[:, axis], predictions[:, axis])
        for axis, name in enumerate(DIMENSIONS)
    }


def _parts(items: Sequence[int] | NDArray[np.int64]) -> list[NDArray[np.int64]]:
    rows = np.asarray(items)
    return np.array_split(rows, max(1, -(-len(rows) // 32)))
