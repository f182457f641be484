"""MobileNetV4 Conv-Small and Conv-Medium (arXiv 2404.10518): universal inverted bottlenecks.

The rows below are those of the paper's tables of architectures (appendix D: "MNv4-Conv-S",
"MNv4-Conv-M"); kernels, expansions and widths were checked against timm's `mobilenetv4_conv_small`
and `mobilenetv4_conv_medium`, and against the published parameter counts (tests).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from edge_ser.students.blocks import ConvNorm, Residual, depthwise, divisible


@dataclass(frozen=True)
class Conv:
    """A row "Conv2D": kernel x kernel, batch norm, ReLU."""

    kernel: int
    outputs: int
    stride: int = 1

    def build(self, inputs: int) -> nn.Module:
        """The layer behind `inputs` channels."""
        return ConvNorm(inputs, self.outputs, self.kernel, self.stride, relu=True)


@dataclass(frozen=True)
class FusedIB:
    """A row "FusedIB": one full convolution widens, a pointwise one projects; never a sum here."""

    kernel: int
    outputs: int
    expansion: float
    stride: int

    def build(self, inputs: int) -> nn.Module:
        """The block behind `inputs` channels."""
        wide = divisible(inputs * self.expansion)
        return nn.Sequential(
            ConvNorm(inputs, wide, self.kernel, self.stride, relu=True),
            ConvNorm(wide, self.outputs, 1),
        )


@dataclass(frozen=True)
class UIB:
    """A row of the universal inverted bottleneck.

    Attributes:
        before: kernel of the depthwise convolution before the expansion, 0 for none.
        within: kernel of the one between expansion and projection, 0 for none.
        outputs: channels.
        expansion: of the input's channels.
        stride: of the depthwise convolution `within` if there is one, else of `before`.

    Both kernels: "ExtraDW"; only `within`: "IB"; only `before`: "ConvNext"; none: "FFN".
    """

    before: int
    within: int
    outputs: int
    expansion: float
    stride: int = 1

    def build(self, inputs: int) -> nn.Module:
        """The block behind `inputs` channels."""
        return UniversalBottleneck(inputs, self)


Row = Conv | FusedIB | UIB

CONV_SMALL: tuple[Row, ...] = (
    Conv(3, 32, stride=2),
    Conv(3, 32, stride=2),
    Conv(1, 32),
    Conv(3, 96, stride=2),
    Conv(1, 64),
    UIB(5, 5, 96, 3, stride=2),
    UIB(0, 3, 96, 2),
    UIB(0, 3, 96, 2),
    UIB(0, 3, 96, 2),
    UIB(0, 3, 96, 2),
    UIB(3, 0, 96, 4),
    UIB(3, 3, 128, 6, stride=2),
    UIB(5, 5, 128, 4),
    UIB(0, 5, 128, 4),
    UIB(0, 5, 128, 3),
    UIB(0, 3, 128, 4),
    UIB(0, 3, 128, 4),
    Conv(1, 960),
    Conv(1, 1280),
)
"""MNv4-Conv-S. The last row follows the global pooling in the paper; here time is pooled later."""

CONV_MEDIUM: tuple[Row, ...] = (
    Conv(3, 32, stride=2),
    FusedIB(3, 48, 4, stride=2),
    UIB(3, 5, 80, 4, stride=2),
    UIB(3, 3, 80, 2),
    UIB(3, 5, 160, 6, stride=2),
    UIB(3, 3, 160, 4),
    UIB(3, 3, 160, 4),
    UIB(3, 5, 160, 4),
    UIB(3, 3, 160, 4),
    UIB(3, 0, 160, 4),
    UIB(0, 0, 160, 2),
    UIB(3, 0, 160, 4),
    UIB(5, 5, 256, 6, stride=2),
    UIB(5, 5, 256, 4),
    UIB(3, 5, 256, 4),
    UIB(3, 5, 256, 4),
    UIB(0, 0, 256, 4),
    UIB(3, 0, 256, 4),
    UIB(3, 5, 256, 2),
    UIB(5, 5, 256, 4),
    UIB(0, 0, 256, 4),
    UIB(0, 0, 256, 4),
    UIB(5, 0, 256, 2),
    Conv(1, 960),
    Conv(1, 1280),
)
"""MNv4-Conv-M, with the last row as above."""


class UniversalBottleneck(nn.Module):
    """Depthwise, expand, depthwise, project; a sum with the input where the shapes allow it."""

    def __init__(self, inputs: int, row: UIB) -> None:
        super().__init__()
        wide = divisible(inputs * row.expansion)
        layers: list[nn.Module] = []
        if row.before:
            layers.append(depthwise(inputs, row.before, 1 if row.within else row.stride))
        layers.append(ConvNorm(inputs, wide, 1, relu=True))
        if row.within:
            layers.append(depthwise(wide, row.within, row.stride, relu=True))
        layers.append(ConvNorm(wide, row.outputs, 1))
        self.layers = nn.Sequential(*layers)
        self.residual = Residual() if row.stride == 1 and inputs == row.outputs else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return y if self.residual is None else self.residual(y, x)


def trunk(rows: Sequence[Row], inputs: int = 1) -> nn.Sequential:
    """The rows as one network: (B, inputs, T, F) -> (B, 1280, ceil(T / 32), ceil(F / 32))."""
    layers = []
    for row in rows:
        layers.append(row.build(inputs))
        inputs = row.outputs
    return nn.Sequential(*layers)
