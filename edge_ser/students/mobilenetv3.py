"""MobileNetV3-Small and -Large (arXiv 1905.02244, tables 1 and 2): inverted bottlenecks with
squeeze-excite and hard-swish, unchanged.

The published parameter counts are a test. Not local in time: see `SqueezeExcite`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from edge_ser.students.blocks import (
    ConvNorm,
    HardSwish,
    Pointwise,
    Residual,
    SqueezeExcite,
    depthwise,
)


@dataclass(frozen=True)
class Bneck:
    """A row "bneck" of the tables.

    Attributes:
        kernel: of the depthwise convolution.
        wide: channels after the expansion ("exp size").
        outputs: channels ("#out").
        squeeze: whether it has squeeze-excite ("SE").
        hard_swish: hard-swish if true, ReLU if not ("NL").
        stride: of the depthwise convolution.
    """

    kernel: int
    wide: int
    outputs: int
    squeeze: bool
    hard_swish: bool
    stride: int = 1


@dataclass(frozen=True)
class Table:
    """One of the two tables.

    Attributes:
        rows: the bnecks between the first convolution (3x3, 16, stride 2) and the last ones.
        last: channels of the 1x1 convolution behind them.
        features: channels of the layer before the classifier. It follows the global pooling in
            the paper; here time is pooled later.
    """

    rows: Sequence[Bneck]
    last: int
    features: int


SMALL = Table(
    rows=(
        Bneck(3, 16, 16, True, False, stride=2),
        Bneck(3, 72, 24, False, False, stride=2),
        Bneck(3, 88, 24, False, False),
        Bneck(5, 96, 40, True, True, stride=2),
        Bneck(5, 240, 40, True, True),
        Bneck(5, 240, 40, True, True),
        Bneck(5, 120, 48, True, True),
        Bneck(5, 144, 48, True, True),
        Bneck(5, 288, 96, True, True, stride=2),
        Bneck(5, 576, 96, True, True),
        Bneck(5, 576, 96, True, True),
    ),
    last=576,
    features=1024,
)
"""Table 2."""

LARGE = Table(
    rows=(
        Bneck(3, 16, 16, False, False),
        Bneck(3, 64, 24, False, False, stride=2),
        Bneck(3, 72, 24, False, False),
        Bneck(5, 72, 40, True, False, stride=2),
        Bneck(5, 120, 40, True, False),
        Bneck(5, 120, 40, True, False),
        Bneck(3, 240, 80, False, True, stride=2),
        Bneck(3, 200, 80, False, True),
        Bneck(3, 184, 80, False, True),
        Bneck(3, 184, 80, False, True),
        Bneck(3, 480, 112, True, True),
        Bneck(3, 672, 112, True, True),
        Bneck(5, 672, 160, True, True, stride=2),
        Bneck(5, 960, 160, True, True),
        Bneck(5, 960, 160, True, True),
    ),
    last=960,
    features=1280,
)
"""Table 1."""

_FIRST = 16


class InvertedBottleneck(nn.Module):
    """Expand, depthwise, squeeze-excite, project; a sum with the input where shapes allow it."""

    def __init__(self, inputs: int, row: Bneck) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if row.wide != inputs:
            layers += _activated(ConvNorm(inputs, row.wide, 1, relu=not row.hard_swish), row)
        layers += _activated(
            depthwise(row.wide, row.kernel, row.stride, relu=not row.hard_swish), row
        )
        layers += [SqueezeExcite(row.wide)] if row.squeeze else []
        layers.append(ConvNorm(row.wide, row.outputs, 1))
        self.layers = nn.Sequential(*layers)
        self.residual = Residual() if row.stride == 1 and inputs == row.outputs else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return y if self.residual is None else self.residual(y, x)


def _activated(layer: ConvNorm, row: Bneck) -> list[nn.Module]:
    return [layer, HardSwish()] if row.hard_swish else [layer]


def trunk(table: Table, inputs: int = 1) -> nn.Sequential:
    """A table as one network: (B, inputs, T, F) -> (B, features, ceil(T / 32), ceil(F / 32))."""
    layers: list[nn.Module] = [ConvNorm(inputs, _FIRST, 3, 2), HardSwish()]
    channels = _FIRST
    for row in table.rows:
        layers.append(InvertedBottleneck(channels, row))
        channels = row.outputs
    layers += [ConvNorm(channels, table.last, 1), HardSwish()]
    # Behind the pooling of the paper this layer has a bias and no batch norm.
    layers += [Pointwise(table.last, table.features), HardSwish()]
    return nn.Sequential(*layers)
