"""Layers that MobileNets are made of; each makes one tensor that an int8 target gives a code.

Activations: (B, C, T, F), time before frequency, so that a 3x3 kernel spans three frames and
three bands.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edge_ser.students.student import QuantisationPoint


def divisible(channels: float, by: int = 8) -> int:
    """Channels rounded to a multiple, never by more than a tenth downwards (MobileNetV2's rule).

    Examples:
        >>> divisible(18.0), divisible(36.0)
        (24, 40)
    """
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


class ConvNorm(QuantisationPoint):
    """Convolution without bias, batch norm, and ReLU if asked for.

    Args:
        inputs, outputs: channels.
        kernel: odd, the same in time and frequency.
        stride: in time and frequency.
        groups: 1, or `inputs` for a depthwise convolution.
        relu: whether the output passes a ReLU.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        relu: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return torch.relu(y) if self.relu else y


def depthwise(channels: int, kernel: int, stride: int = 1, relu: bool = False) -> ConvNorm:
    """One kernel per channel."""
    return ConvNorm(channels, channels, kernel, stride, groups=channels, relu=relu)


class Pointwise(QuantisationPoint):
    """1x1 convolution with bias and without batch norm, and ReLU if asked for."""

    def __init__(self, inputs: int, outputs: int, relu: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return torch.relu(y) if self.relu else y


class HardSwish(QuantisationPoint):
    """x * min(max(x + 3, 0), 6) / 6 (arXiv 1905.02244, section 5.2)."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.hardswish(x)


class Residual(QuantisationPoint):
    """Sum of a block's output and its input."""

    def forward(self, output: Tensor, shortcut: Tensor) -> Tensor:
        return output + shortcut


class Means(QuantisationPoint):
    """Over all of time and frequency: (B, C, T, F) -> (B, C, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)


class HardSigmoid(QuantisationPoint):
    """min(max(x + 3, 0), 6) / 6."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.hardsigmoid(x)


class SqueezeExcite(QuantisationPoint):
    """Each channel times a gate that follows from the means over all of time and frequency.

    As MobileNetV3 has it (arXiv 1905.02244, section 5.3): a quarter of the channels in
    between, hard-sigmoid gate. Not local in time.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = divisible(channels / 4)
        self.means = Means()
        self.reduce = Pointwise(channels, narrow, relu=True)
        self.expand = Pointwise(narrow, channels)
        self.gate = HardSigmoid()

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(self.expand(self.reduce(self.means(x))))
        return x * gate
