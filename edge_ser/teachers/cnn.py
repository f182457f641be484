"""Convolutional emotion networks on a log-mel: the teacher's members and the baseline to beat."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.frontend.torch_frontend import FastLogMel


@dataclass(frozen=True)
class Layer:
    """One 3x3 convolution.

    Attributes:
        channels: output channels.
        time_stride, band_stride: its strides; with both 1 and unchanged channels the layer
            is residual when the network is.
    """

    channels: int
    time_stride: int = 1
    band_stride: int = 1


@dataclass(frozen=True)
class CnnConfig:
    """A network.

    Attributes:
        frontend: its log-mel.
        layers: the convolutions in order.
        pooled: width of the softmax-over-time pooling.
        emotions: classes of the auxiliary classifier used in training; 0 for none.
        residual: add the input where shapes allow.
        dropout: before the outputs.
    """

    frontend: FrontEndSpec
    layers: tuple[Layer, ...]
    pooled: int
    emotions: int = 0
    residual: bool = False
    dropout: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CnnConfig:
        """Inverse of `to_dict`."""
        frontend = FrontEndSpec.from_dict(values["frontend"])
        layers = tuple(Layer(**layer) for layer in values["layers"])
        return cls(**{**values, "frontend": frontend, "layers": layers})


class ConvLayer(nn.Module):
    """Convolution without bias, batch norm, ReLU, optionally residual."""

    def __init__(self, in_channels: int, layer: Layer, residual: bool) -> None:
        super().__init__()
        strides = (layer.time_stride, layer.band_stride)
        self.conv = nn.Conv2d(in_channels, layer.channels, 3, strides, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(layer.channels)
        self.residual = residual and strides == (1, 1) and in_channels == layer.channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return torch.relu(y + x if self.residual else y)


class EmotionCnn(nn.Module):
    """(batch, samples) float32, 16 kHz -> (batch, 3) A/D/V and (batch, emotions) logits."""

    def __init__(self, config: CnnConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend = FastLogMel(config.frontend)
        channels, bands = 1, config.frontend.n_mels
        layers = []
        for layer in config.layers:
            layers.append(ConvLayer(channels, layer, config.residual))
            channels, bands = layer.channels, -(-bands // layer.band_stride)
        self.trunk = nn.Sequential(*layers)
        self.values = nn.Linear(channels * bands, config.pooled)
        self.scores = nn.Linear(channels * bands, config.pooled)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.pooled, 3)
        self.emotions = nn.Linear(config.pooled, config.emotions) if config.emotions else None

    def pool(self, log_mel: Tensor) -> Tensor:
        """(batch, 1, frames, n_mels) -> (batch, pooled)."""
        frames = self.trunk(log_mel).transpose(1, 2).flatten(2)
        return (self.values(frames) * torch.softmax(self.scores(frames), dim=1)).sum(dim=1)

    def heads(self, pooled: Tensor) -> tuple[Tensor, Tensor | None]:
        """(batch, pooled) -> A/D/V and emotion logits."""
        pooled = self.dropout(pooled)
        return self.out(pooled), self.emotions(pooled) if self.emotions is not None else None

    def forward(self, audio: Tensor) -> Tensor:
        return self.heads(self.pool(self.frontend(audio)))[0]


BASELINE = CnnConfig(
    frontend=FrontEndSpec(n_fft=512, hop=160, n_mels=40, fmin=50.0, fmax=7_600.0),
    layers=(
        Layer(16),
        Layer(16, 2, 2),
        Layer(24),
        Layer(32, 2, 2),
        Layer(32),
        Layer(48, 1, 2),
    ),
    pooled=96,
)
"""The 83 K-parameter network that the shipped teacher has to beat."""

_EMOTIONS = 7


def _member(frontend: FrontEndSpec) -> CnnConfig:
    layers = (
        Layer(24, 2, 2),
        Layer(32, 1, 2),
        Layer(32),
        Layer(64, 2, 2),
        Layer(64),
        Layer(96, 1, 2),
        Layer(96),
    )
    return CnnConfig(frontend, layers, 128, _EMOTIONS, residual=True, dropout=0.2)


MEMBERS: tuple[CnnConfig, ...] = (
    _member(FrontEndSpec(n_fft=512, hop=160, n_mels=64, fmin=50.0, fmax=7_600.0)),
    _member(FrontEndSpec(n_fft=1_024, hop=256, n_mels=64, fmin=50.0, fmax=4_000.0)),
    _member(FrontEndSpec(n_fft=400, hop=160, n_mels=48, fmin=80.0, fmax=6_000.0)),
)
"""The teacher's larger networks look at time and frequency at different resolutions."""
