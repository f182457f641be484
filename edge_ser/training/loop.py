"""A seeded training loop that resumes after a kill with the weights it would have had.

All randomness of step k (batch, mixing, dropout) follows from (seed, k), so a checkpoint
needs the weights, Adam's moments, the step and float16's loss scale, and is safetensors, never
pickle. The loop runs in one process or in several; the first one keeps the state.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.random import Generator
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from edge_ser.errors import InputError
from edge_ser.training.processes import start_processes

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricOptimizer

_SAVE_EVERY = 100
_WARM_UP_SHARE = 0.1
_LONGEST_GRADIENT = 5.0


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: optimiser steps.
        batch: clips per step.
        learning_rate: peak; linear warm-up over the first tenth, cosine to zero.
        weight_decay: AdamW's.
    """

    steps: int
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2

    def rate(self, step: int) -> float:
        """Learning rate at a step."""
        warm_up = max(1, int(self.steps * _WARM_UP_SHARE))
        if step < warm_up:
            return self.learning_rate * (step + 1) / warm_up
        progress = (step - warm_up) / max(1, self.steps - warm_up)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def train(
    model: nn.Module,
    loss_of: Callable[[Generator], Tensor],
    schedule: Schedule,
    seed: int,
    folder: Path,
    after_save: Callable[[int], dict[str, float]] | None = None,
    progress: Callable[[int, float], None] | None = None,
    fabric: Fabric | None = None,
) -> None:
    """Train `model` in place, or take up a run that was cut off.

    Args:
        model: its trainable parameters are optimised; on the device of `fabric`.
        loss_of: draws a batch from the generator it is given and returns the scalar loss; with
            several processes all draw the same, and what it calls averages the gradients.
        schedule: steps and rates.
        seed: of batches and dropout.
        folder: holds `state.safetensors` and `curve.csv`; an unfinished run there is resumed,
            a finished one is loaded. All processes read it, the first one writes it.
        after_save: figures to log at each save (e.g. validation), given the step; asked of the
            first process.
        progress: told (step, mean loss) now and then, in the first process.
        fabric: the processes that train together; this one alone on the CPU by default.

    Raises:
        InputError: the processes do not see the same folder.
    """
    fabric = fabric or start_processes()
    folder.mkdir(parents=True, exist_ok=True)
    adam = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        weight_decay=schedule.weight_decay,
    )
    start = _resume(model, adam, fabric, folder)
    if fabric.broadcast(start) != start:
        raise InputError(
            f"process {fabric.global_rank} finds step {start} in {folder}, the first one another",
            "all processes need the same work folder: on several machines, a network file system",
        )
    optimiser = cast("_FabricOptimizer", fabric.setup_optimizers(adam))
    curve = _Curve(folder / "curve.csv", start)
    losses: list[float] = []
    for step in range(start, schedule.steps):
        losses.append(_step(model, optimiser, loss_of, schedule.rate(step), seed, step, fabric))
        done = step + 1
        if done % _SAVE_EVERY == 0 or done == schedule.steps:
            if fabric.is_global_zero:
                figures = after_save(done) if after_save else {}
                mean = float(np.mean(losses))
                curve.add(done, {"loss": mean, **figures})
                _save(model, adam, fabric, done, folder)
                if progress:
                    progress(done, mean)
            fabric.barrier()
            losses.clear()
    model.eval()


def load_model_state(folder: Path) -> dict[str, Tensor]:
    """The model's weights as `train` last saved them in `folder`."""
    tensors = load_file(folder / "state.safetensors")
    prefix = "model."
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }


def _step(
    model: nn.Module,
    optimiser: _FabricOptimizer,
    loss_of: Callable[[Generator], Tensor],
    rate: float,
    seed: int,
    step: int,
    fabric: Fabric,
) -> float:
    random = np.random.default_rng([seed, step])
    torch.manual_seed(int(random.integers(2**62)) + fabric.global_rank)  # each its own dropout
    for group in optimiser.param_groups:
        group["lr"] = rate
    model.train()
    loss = loss_of(random)
    optimiser.zero_grad()
    fabric.backward(loss)
    # float16's loss scale is too large now and then; that step is then skipped, not an error
    fabric.clip_gradients(model, optimiser, max_norm=_LONGEST_GRADIENT, error_if_nonfinite=False)
    optimiser.step()
    return float(loss.detach())


def _save(
    model: nn.Module, optimiser: torch.optim.AdamW, fabric: Fabric, step: int, folder: Path
) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in state.items()}
    partial = folder / "state.partial"
    scale = json.dumps(fabric.strategy.precision.state_dict())
    metadata = {"step": str(step), "loss_scale": scale}
    save_file({name: value.contiguous() for name, value in tensors.items()}, partial, metadata)
    partial.replace(folder / "state.safetensors")


def _resume(model: nn.Module, optimiser: torch.optim.AdamW, fabric: Fabric, folder: Path) -> int:
    path = folder / "state.safetensors"
    if not path.is_file():
        return 0
    model.load_state_dict(load_model_state(folder))
    tensors = load_file(path)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("adam."):
            _, index, moment = name.split(".")
            state.setdefault(int(index), {})[moment] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    scale = json.loads(metadata.get("loss_scale", "{}"))
    if scale:
        fabric.strategy.precision.load_state_dict(scale)
    return int(metadata["step"])


class _Curve:
    """`curve.csv`, one row per save; rows after the resumed step are dropped."""

    def __init__(self, path: Path, resumed_at: int) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []
        if path.is_file() and resumed_at:
            with path.open(newline="") as file:
                rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
            self.rows = [row for row in rows if row["step"] <= resumed_at]

    def add(self, step: int, figures: dict[str, float]) -> None:
        self.rows.append({"step": step, **figures})
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[-1]))
            writer.writeheader()
            writer.writerows(self.rows)
        partial.replace(self.path)
