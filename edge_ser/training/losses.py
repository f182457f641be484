"""Training losses of the regression: 1 - CCC and L1, the mean over dimensions."""

from __future__ import annotations

import torch
from torch import Tensor


def ccc_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - CCC within a batch, averaged over the dimensions; (batch, dimensions) each."""
    mean_p, mean_t = prediction.mean(0), target.mean(0)
    covariance = ((prediction - mean_p) * (target - mean_t)).mean(0)
    spread = prediction.var(0, unbiased=False) + target.var(0, unbiased=False)
    return (1 - 2 * covariance / (spread + (mean_p - mean_t) ** 2 + 1e-8)).mean()


def ccc_l1_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Sum of `ccc_loss` (shape of the relation) and L1 (its level), as in Wav2Small's training."""
    return ccc_loss(prediction, target) + torch.nn.functional.l1_loss(prediction, target)
