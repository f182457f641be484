"""Parameters and multiply-accumulates of a model, counted on the model itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from edge_ser.frontend.torch_frontend import LogMel
from edge_ser.students.student import Student


def parameter_count(model: nn.Module) -> int:
    """All weights with the frozen front-end's, without batch-norm statistics (as the paper)."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_accumulates(model: nn.Module, samples: int) -> int:
    """MACs of one forward pass over a clip: convolutions, linears, DFT and mel products.

    Element-wise work (batch norm folds away, softmax, logarithm) is not counted, as usual.

    Args:
        model: takes (batch, samples).
        samples: length of the clip at the model's rate.
    """
    total = 0

    def count(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output[0].numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += output[0].numel() * module.in_features
        elif isinstance(module, LogMel):
            spec = module.spec
            frame = 2 * spec.bins * spec.n_fft + spec.bins * spec.n_mels
            total += frame * spec.frames(samples)

    _hear_silence(model, samples, model.modules(), count)
    return total


def widest_layer(student: Student, samples: int) -> int:
    """Most values that one convolution of the backbone reads and writes over a clip."""
    widest = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal widest
        widest = max(widest, inputs[0].numel() + output.numel())

    convolutions = [m for m in student.backbone.modules() if isinstance(m, nn.Conv2d)]
    _hear_silence(student, samples, convolutions, count)
    return widest


def _hear_silence(
    model: nn.Module, samples: int, watched: Iterable[nn.Module], hook: Callable[..., None]
) -> None:
    """One forward pass over zeros in evaluation mode, with a hook on some modules."""
    handles = [module.register_forward_hook(hook) for module in watched]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, samples))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
