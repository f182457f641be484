"""What every student is: front-end (float), backbone (int8), pooled head (float).

    LogMel: (batch, samples) -> (batch, 1, T, n_mels)
    backbone: log-mel -> values, scores, each (batch, C, T', F)
    PooledHead: softmax of the scores over time weighs the values -> (batch, 3) A/D/V

Training, cost, calibration and export rest on this split alone; they know no architecture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.frontend.torch_frontend import LogMel

LONGEST_CONTEXT_SECONDS = 1.0
"""On either side of a block: a reading also waits that long for the sound behind it."""


@dataclass(frozen=True)
class StudentConfig:
    """What tells two students of one class apart; subclasses add to it.

    Attributes:
        frontend: log-mel definition.
    """

    frontend: FrontEndSpec


@dataclass(frozen=True)
class BackboneShape:
    """Geometry of a backbone, which its runtimes must know.

    Attributes:
        channels, bands: C and F of values and scores.
        time_stride: log-mel frames per output frame, T' = ceil(T / time_stride).
        receptive_radius: log-mel frames on either side that can change an output frame; None
            when every frame can (a squeeze-excite block averages over all of time).
    """

    channels: int
    bands: int
    time_stride: int
    receptive_radius: int | None


class QuantisationPoint(nn.Module):
    """A module whose output is one tensor that gets a code of its own on int8 targets.

    Calibration observes these, the projections to values and scores, and the front-end.
    """


class PooledHead(nn.Module):
    """Softmax of the scores over time weighs the values; the sum goes through one linear.

    values, scores: (B, C, T', F) -> (B, 3), A/D/V.
    """

    def __init__(self, channels: int, bands: int, second_order: bool = False) -> None:
        super().__init__()
        self.channels, self.bands = channels, bands
        self.second_order = second_order
        width = channels * bands
        self.out = nn.Linear(width + channels**2 if second_order else width, 3)

    def forward(self, values: Tensor, scores: Tensor) -> Tensor:
        pooled = (values * torch.softmax(scores, dim=2)).sum(dim=2)
        features = pooled.flatten(1)
        if self.second_order:
            square = features.reshape(-1, self.channels, self.bands)
            products = square @ square.transpose(1, 2)
            features = torch.cat([features, products.flatten(1)], dim=1)
        return self.out(features)


class Student(nn.Module):
    """(batch, samples) float32, 16 kHz mono, 0.5 s or longer -> (batch, 3) A/D/V.

    Attributes:
        config: with the front-end's definition.
        shape: of the backbone's output.
        frontend, backbone, head: the three parts; only the backbone is quantised. It ends in
            `projections` with the submodules `values` and `scores`.
    """

    def __init__(
        self, config: StudentConfig, shape: BackboneShape, backbone: nn.Module, head: PooledHead
    ) -> None:
        super().__init__()
        self.config = config
        self.shape = shape
        self.frontend = LogMel(config.frontend)
        self.backbone = backbone
        self.head = head

    int8_activations = True
    """Whether activations are int8 on targets too; weights always are. False where activations
    were measured not to survive it (docs/STUDENTS.md)."""

    @property
    def runs_in_blocks(self) -> bool:
        """Whether a stream is computed in blocks of frames, each with its context.

        Not where every frame counts, and not where the context is so long that blocks repeat
        more than they add: both take whole windows.
        """
        spec, radius = self.config.frontend, self.shape.receptive_radius
        return (
            radius is not None and radius * spec.hop <= LONGEST_CONTEXT_SECONDS * spec.sample_rate
        )

    def forward(self, audio: Tensor) -> Tensor:
        values, scores = self.backbone(self.frontend(audio))
        result: Tensor = self.head(values, scores)
        return result
