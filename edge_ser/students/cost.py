"""Parameters and multiply-accumulates of a model, counted on the model itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from edge_ser.frontend.torch_frontend import LogMel


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

    handles = [module.register_forward_hook(count) for module in model.modules()]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, samples))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return total
