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

    @property
    def local_in_time(self) -> bool:
        """Whether blocks of frames with their context give what the whole clip gives.

        A backbone that is not local cannot be streamed in blocks, only on whole windows.
        """
        return self.receptive_radius is not None


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
        frontend, backbone, head: the three parts; only the backbone is quantised.
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

    def forward(self, audio: Tensor) -> Tensor:
        values, scores = self.backbone(self.frontend(audio))
        result: Tensor = self.head(values, scores)
        return result
