"""Distillation: a student learns a teacher's outputs, and nothing else.

The student sees items of an augmented bank (real, mixed, noisy, filtered speech) and the
teacher's answer to exactly that audio; no human label enters (as in arXiv 2408.13920). Several
processes share each batch and learn what one would: loss and batch norm are the whole batch's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_ser import DIMENSIONS
from edge_ser.audio.bank import Bank
from edge_ser.checkpoint import load_student
from edge_ser.errors import InputError
from edge_ser.metrics import ccc
from edge_ser.students.catalogue import build_student
from edge_ser.students.student import Student
from edge_ser.training.batch_norm import share_batch_norms
from edge_ser.training.loop import Schedule, train
from edge_ser.training.losses import ccc_l1_loss
from edge_ser.training.processes import gathered, own_share, start_processes

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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
    fabric: Fabric | None = None,
    compiled: bool = False,
) -> Student:
    """A trained student, on the CPU; takes up what `folder` holds of the same run.

    Args:
        student_name: of the catalogue.
        lesson: audio and answers.
        schedule: steps and rates; the batch is that of all processes together.
        seed: of initialisation and batches.
        folder: resumable state, which all processes see.
        progress: told (step, mean loss).
        start_from: checkpoint of the same student to go on from, instead of random weights.
        fabric: the processes that train together; this one alone on the CPU by default.
        compiled: compile backbone and head with `torch.compile`.

    Raises:
        InputError: unknown student, or `start_from` is of another one.
    """
    fabric = fabric or start_processes(precision="bf16-mixed")
    torch.manual_seed(seed)
    student = initial_student(student_name, start_from).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if fabric.world_size > 1:
        share_batch_norms(student, partial(gathered, fabric))
    student = fabric.to_device(student)
    learner = _Learner(student)
    if compiled:
        learner.compile()
    predict = fabric.setup_module(learner)

    def loss_of(random: Generator) -> Tensor:
        items = random.choice(lesson.training, schedule.batch)
        audio = torch.from_numpy(lesson.bank.batch(own_share(fabric, items)))
        with torch.no_grad():
            log_mel = student.frontend(fabric.to_device(audio))
        prediction = predict(log_mel.contiguous(memory_format=torch.channels_last))
        answers = torch.from_numpy(lesson.answers[items]).to(prediction)
        return ccc_l1_loss(gathered(fabric, prediction).flatten(0, 1), answers)

    def watch(step: int) -> dict[str, float]:
        return agreement(student, lesson, lesson.watched)

    train(student, loss_of, schedule, seed, folder, watch, progress, fabric)
    return student.cpu()


class _Learner(nn.Module):
    """What is trained of a student, in mixed precision all but the head: log-mel -> A/D/V."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.backbone, self.head = student.backbone, student.head

    def forward(self, log_mel: Tensor) -> Tensor:
        values, scores = self.backbone(log_mel)
        exact = self.head.out.weight.dtype
        with torch.autocast(log_mel.device.type, enabled=False):
            prediction: Tensor = self.head(values.to(exact), scores.to(exact))
        return prediction


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
    device = next(student.parameters()).device

    def predictions_of(part: NDArray[np.int64]) -> NDArray[np.float32]:
        prediction: Tensor = student(torch.from_numpy(lesson.bank.batch(part)).to(device))
        return prediction.cpu().numpy()

    with torch.inference_mode():
        predictions = np.concatenate([predictions_of(part) for part in _parts(items)])
    truth = lesson.answers[np.asarray(items)]
    return {
        f"ccc_{name}": ccc(truth[:, axis], predictions[:, axis])
        for axis, name in enumerate(DIMENSIONS)
    }


def _parts(items: Sequence[int] | NDArray[np.int64]) -> list[NDArray[np.int64]]:
    rows = np.asarray(items)
    return np.array_split(rows, max(1, -(-len(rows) // 32)))
