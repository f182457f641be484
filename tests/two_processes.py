"""Distils on made-up items in one process or, under `torchrun`, in several; keeps the weights.

    torchrun --nproc-per-node 2 two_processes.py FOLDER PRECISION STEPS shared|own

The last word says whose batch statistics batch norm uses.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from edge_ser.audio.bank import Bank, BankSpec
from edge_ser.distillation import distill as distillation
from edge_ser.training.loop import Schedule
from edge_ser.training.processes import start_processes

SAMPLES = 8000
_SPANS = ((100, 3000), (0.05, 0.5), (0.0, 0.2))


def made_up_lesson(items: int = 60) -> distillation.Lesson:
    """Tones in noise; the answers are their level, brightness and spread."""
    random = np.random.default_rng(0)
    pitch, level, hiss = (random.uniform(low, high, (items, 1)) for low, high in _SPANS)
    tone = level * np.sin(2 * np.pi * pitch * np.arange(SAMPLES) / 16_000)
    signal = np.clip(tone + hiss * random.standard_normal((items, SAMPLES)), -1, 1)
    answers = np.hstack([level, pitch / 3000, hiss]).astype(np.float32)
    everyone = np.arange(items)
    bank = Bank(
        folder=Path("nowhere"),
        spec=BankSpec(items, SAMPLES / 16_000, SAMPLES / 16_000),
        audio=np.round(signal * 32767).astype(np.int16),
        clean=None,
        first=everyone,
        second=np.full(items, -1),
        share=np.ones(items),
    )
    return distillation.Lesson(bank, answers, everyone[: items // 2], everyone[items // 2 :])


def run(
    folder: Path, precision: str, steps: int, norm: str = "shared", compiled: bool = False
) -> dict[str, Tensor]:
    """The weights after some steps; the first process writes them to `folder`."""
    fabric = start_processes(precision=precision)  # type: ignore[arg-type]  # Fabric knows more
    lesson, schedule = made_up_lesson(), Schedule(steps, batch=8)
    # A curve is of no use here, and knows float32 only.
    replaced: dict[str, Any] = {"agreement": lambda *_: {}}
    if norm == "own":
        replaced["share_batch_norms"] = lambda model, gather: None
    with mock.patch.multiple(distillation, **replaced):
        student = distillation.distill(
            "wav2small-17k", lesson, schedule, 0, folder, fabric=fabric, compiled=compiled
        )
    weights = {name: value.contiguous() for name, value in student.state_dict().items()}
    if fabric.is_global_zero:
        save_file(weights, folder / "weights.safetensors")
    return weights


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), norm=sys.argv[4])
