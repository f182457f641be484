"""Batch norm over a batch that several processes share.

`torch.nn.SyncBatchNorm` refuses tensors on the CPU. This one is made of a differentiable gather,
so CPU and GPU processes compute the same thing, and a run of several processes is that of one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Gather = Callable[[Tensor], Tensor]
"""(...) of each process -> (processes, ...), with gradients."""


class SharedBatchNorm2d(nn.BatchNorm2d):
    """`norm`, with mean and variance of all processes' shares, which must be equally large.

    Parameters, statistics and their names are those of `norm`.
    """

    def __init__(self, norm: nn.BatchNorm2d, gather: Gather) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.gather = gather

    def forward(self, x: Tensor) -> Tensor:
        """(batch share, C, H, W) -> the same, normalised; inside as exact as the weights."""
        if not self.training:
            return super().forward(x)
        own = x.to(self.weight.dtype)
        variance, mean = torch.var_mean(own, (0, 2, 3), unbiased=False)
        means, variances = self.gather(torch.stack([mean, variance])).unbind(1)
        mean = means.mean(0)
        variance = variances.mean(0) + means.var(0, unbiased=False)
        self._remember(mean.detach(), variance.detach(), len(means) * x.numel() // x.shape[1])
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (own * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Running statistics as `nn.BatchNorm2d` keeps them, the variance unbiased."""
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        self.num_batches_tracked += 1


def share_batch_norms(model: nn.Module, gather: Gather) -> None:
    """Replace every `nn.BatchNorm2d` in `model` by one over all processes' shares."""
    for name, child in model.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(model, name, SharedBatchNorm2d(child, gather))
        else:
            share_batch_norms(child, gather)
