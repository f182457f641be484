"""What a student takes on a device at the least, told from the network itself before any work.

Lower bounds: enough to refuse what can never fit. What an export really takes is measured on the
compiled engine (c_handoff/footprint.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from edge_ser import SAMPLE_RATE
from edge_ser.frontend.torch_frontend import LogMel
from edge_ser.students.student import Student

_RUNS = (
    nn.BatchNorm2d,
    nn.ConstantPad2d,
    nn.Dropout,
    nn.Flatten,
    nn.Identity,
    nn.Linear,
    nn.MaxPool2d,
    nn.ReLU,
    nn.ReLU6,
    nn.ZeroPad2d,
)
"""Layers that the C engine has or that vanish in conversion; convolutions are looked at closely."""


@dataclass(frozen=True)
class Needs:
    """Lower bounds of one student.

    Attributes:
        student: its name.
        flash: bytes of its weights, one each.
        ram: bytes of the rows that its convolutions and pools keep while audio streams through.
        missing: layers that the C engine has not, sorted; empty if it runs this student.
        whole_windows: whether it cannot compute a stream in blocks.
    """

    student: str
    flash: int
    ram: int
    missing: tuple[str, ...]
    whole_windows: bool = False


def needs_of(name: str, student: nn.Module) -> Needs:
    """Count on one pass over a second of silence.

    Args:
        name: for messages.
        student: (batch, samples) -> (batch, 3); its front-end, if it is a `LogMel`, is not counted:
            the engine has its own.
    """
    layers = list(_leaves(student))
    weights = sum(p.numel() for layer in layers for p in layer.parameters(recurse=False))
    missing = {what for layer in layers if (what := _not_in_the_engine(layer))}
    whole_windows = isinstance(student, Student) and not student.runs_in_blocks
    rows = _kept_rows(student, layers)
    return Needs(name, weights, rows, tuple(sorted(missing)), whole_windows)


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, LogMel):
        return
    children = list(module.children())
    if not children:
        yield module
    for child in children:
        yield from _leaves(child)


def _not_in_the_engine(layer: nn.Module) -> str:
    """How to call what it lacks; empty if it has this layer."""
    kind = type(layer).__name__
    if not isinstance(layer, nn.Conv2d):
        return "" if isinstance(layer, _RUNS) else kind
    if any(step != 1 for step in layer.dilation):
        return f"dilated {kind}"
    depthwise = layer.groups == layer.in_channels == layer.out_channels
    return "" if layer.groups == 1 or depthwise else f"grouped {kind}"


def _kept_rows(student: nn.Module, layers: list[nn.Module]) -> int:
    """One byte for each value of kernel-height rows in front of every layer that has a kernel."""
    total = 0

    def count(layer: Any, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        nonlocal total
        size = layer.kernel_size
        height = size if isinstance(size, int) else size[0]
        _, channels, _, bands = inputs[0].shape
        total += height * channels * bands

    kernels = [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    handles = [layer.register_forward_hook(count) for layer in kernels]
    training = student.training
    try:
        with torch.no_grad():
            student.eval()(torch.zeros(1, SAMPLE_RATE))
    finally:
        student.train(training)
        for handle in handles:
            handle.remove()
    return total
