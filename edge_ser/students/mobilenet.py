"""A MobileNet trunk as a student: log-mel as its image, values and scores from its last layer.

Trunk and pooled head are joined by two convolutions that span all bands of the trunk's output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.students import mobilenetv3, mobilenetv4
from edge_ser.students.student import (
    BackboneShape,
    PooledHead,
    QuantisationPoint,
    Student,
    StudentConfig,
)

FRONTEND = FrontEndSpec(
    n_fft=400, hop=160, n_mels=64, fmin=50.0, fmax=7_600.0, mean_db=-24.0, std_db=20.0
)
"""25 ms windows every 10 ms, 64 bands: a second of audio is an image of 100 x 64."""

TIME_STRIDE = 32
"""Five layers with a stride of 2, in time and frequency."""

WIDTH = 128
"""Channels of values and scores."""

Variant = Literal["v4-small", "v4-medium", "v3-small", "v3-large"]

_RADIUS: dict[Variant, int | None] = {
    "v4-small": 471,
    "v4-medium": 935,
    "v3-small": None,
    "v3-large": None,
}
"""Receptive radius in log-mel frames, 4.7 s and 9.4 s; none with squeeze-excite."""


def trunk_of(variant: Variant, inputs: int = 1) -> nn.Sequential:
    """The published trunk, up to the layer before its classifier."""
    match variant:
        case "v4-small":
            return mobilenetv4.trunk(mobilenetv4.CONV_SMALL, inputs)
        case "v4-medium":
            return mobilenetv4.trunk(mobilenetv4.CONV_MEDIUM, inputs)
        case "v3-small":
            return mobilenetv3.trunk(mobilenetv3.SMALL, inputs)
        case "v3-large":
            return mobilenetv3.trunk(mobilenetv3.LARGE, inputs)


FEATURES: dict[Variant, int] = {
    "v4-small": 1280,
    "v4-medium": 1280,
    "v3-small": mobilenetv3.SMALL.features,
    "v3-large": mobilenetv3.LARGE.features,
}
"""Channels of the trunk's output."""


class Projection(QuantisationPoint):
    """Convolution over all bands, batch norm: (B, C, T, F) -> (B, 128, T, 1).

    The batch norm keeps values and scores near 1. Without it they reached hundreds in training,
    the head took small differences of them, and int8 lost those (docs/STUDENTS.md).
    """

    def __init__(self, features: int, bands: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(features, WIDTH, (1, bands), bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(self.conv(x))
        return result


class Projections(nn.Module):
    """Values and scores of each output frame."""

    def __init__(self, features: int, bands: int) -> None:
        super().__init__()
        self.values = Projection(features, bands)
        self.scores = Projection(features, bands)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.values(x), self.scores(x)


class Backbone(nn.Module):
    """(B, 1, T, n_mels) log-mel -> values, scores, each (B, 128, ceil(T / 32), 1)."""

    def __init__(self, variant: Variant, n_mels: int) -> None:
        super().__init__()
        self.trunk = trunk_of(variant)
        self.projections = Projections(FEATURES[variant], -(-n_mels // TIME_STRIDE))

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        values, scores = self.projections(self.trunk(log_mel))
        return values, scores


@dataclass(frozen=True)
class MobileNetConfig(StudentConfig):
    """Which trunk, on which log-mel."""

    variant: Variant


class MobileNet(Student):
    """One of the four; `config` says which."""

    int8_activations = False

    def __init__(self, config: MobileNetConfig) -> None:
        shape = BackboneShape(WIDTH, 1, TIME_STRIDE, _RADIUS[config.variant])
        backbone = Backbone(config.variant, config.frontend.n_mels)
        super().__init__(config, shape, backbone, PooledHead(WIDTH, 1))
