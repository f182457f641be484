"""Wav2Small (arXiv 2408.13920) and its later 17 K variant.

Both share one trunk and differ in the pooling head. The network is split where the
quantised part ends:

    LogMel (float) -> Backbone (int8): (batch, 1, T, 26) -> values, scores
                   -> PooledHead (float): softmax over time, weighted sum, linear -> A/D/V
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edge_ser.students.student import (
    BackboneShape,
    PooledHead,
    QuantisationPoint,
    Student,
    StudentConfig,
)

CHANNELS = 13
"""Feature maps of every convolution, as published."""

BANDS_AFTER_POOL = 13
"""26 mel bands, halved once."""

TIME_STRIDE = 2
"""Log-mel frames per backbone output frame."""

RECEPTIVE_RADIUS = 12
"""Log-mel frames on either side that can change a backbone output frame."""


class ConvBlock(QuantisationPoint):
    """3x3 convolution without bias, batch norm, ReLU: (B, C, T, F) -> (B, 13, T, F)."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, CHANNELS, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class MaxPool(QuantisationPoint):
    """Max-pool 3, stride 2, padding 1 in time and frequency.

    Explicit zero padding equals the padded pool because its input has passed a ReLU, and
    unlike `MaxPool2d(padding=1)` it lowers to one clean operator in TFLite.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ConstantPad2d(1, 0.0)
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.pad(x))


class Trunk(nn.Module):
    """Seven 3x3 convolutions of 13 channels, max-pool after the third.

    (B, 1, T, 26) -> (B, 13, ceil(T / 2), 13).
    """

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Sequential(ConvBlock(1), ConvBlock(CHANNELS), ConvBlock(CHANNELS))
        self.pool = MaxPool()
        self.after = nn.Sequential(*(ConvBlock(CHANNELS) for _ in range(4)))

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.pool(self.before(x)))


class FrameProjections(nn.Module):
    """Values and scores of each frame from all of its 13 x 13 activations.

    The two Linear(169, 169) of the paper, written as convolutions whose kernel spans all
    bands, so that the whole backbone stays convolutional (and int8) on every runtime:
    (B, 13, T, 13) -> two (B, 169, T, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        width = CHANNELS * BANDS_AFTER_POOL
        self.values = nn.Conv2d(CHANNELS, width, (1, BANDS_AFTER_POOL))
        self.scores = nn.Conv2d(CHANNELS, width, (1, BANDS_AFTER_POOL))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.values(x), self.scores(x)


class PointProjections(nn.Module):
    """Values and scores by 1x1 convolutions: (B, 13, T, 13) -> two (B, 13, T, 13)."""

    def __init__(self) -> None:
        super().__init__()
        self.values = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.scores = nn.Conv2d(CHANNELS, CHANNELS, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.values(x), self.scores(x)


class Backbone(nn.Module):
    """The part that is quantised: (B, 1, T, 26) log-mel -> values, scores, each (B, C, T', F)."""

    def __init__(self, projections: nn.Module) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.projections = projections

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        values, scores = self.projections(self.trunk(log_mel))
        return values, scores


@dataclass(frozen=True)
class Wav2SmallConfig(StudentConfig):
    """What tells the two published networks apart.

    Attributes:
        frontend: log-mel definition.
        frame_linear: True for the 72 K network (Linear(169, 169) values and scores, linear
            head), False for the 17 K one (1x1 convolutions, second-order pooling x xT).
    """

    frame_linear: bool

    @property
    def shape(self) -> BackboneShape:
        """Geometry of the backbone."""
        channels, bands = CHANNELS, BANDS_AFTER_POOL
        if self.frame_linear:
            channels, bands = CHANNELS * BANDS_AFTER_POOL, 1
        return BackboneShape(channels, bands, TIME_STRIDE, RECEPTIVE_RADIUS)


class Wav2Small(Student):
    """Wav2Small; `config` says which of the two."""

    config: Wav2SmallConfig
    backbone: Backbone

    def __init__(self, config: Wav2SmallConfig) -> None:
        shape = config.shape
        super().__init__(
            config,
            shape,
            Backbone(FrameProjections() if config.frame_linear else PointProjections()),
            PooledHead(shape.channels, shape.bands, second_order=not config.frame_linear),
        )
