"""WavLM with attentive statistics pooling: the baseline of the Odyssey 2024 challenge.

3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes: frames -> attention-weighted mean and
standard deviation (Okabe et al., arXiv 1803.10963) -> Linear, LayerNorm, ReLU (once or more)
-> Linear -> arousal, dominance, valence. The published pooling takes up to two frames of
padding into account when clips are padded; here a padded clip is answered as if it were alone.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel, WavLMConfig, WavLMModel

from edge_ser.teachers.emotion_network import EmotionNetwork

_TINY = 1e-6
"""The published code adds it to the standard deviation of the input."""

_LEAST_VARIANCE = 1e-5


class AttentiveStatistics(nn.Module):
    """(batch, frames, features), (batch, frames) -> (batch, 2 * features)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.sap_linear = nn.Linear(features, features)
        self.attention = nn.Parameter(torch.empty(features, 1))

    def forward(self, frames: Tensor, heard: Tensor) -> Tensor:
        """Weighted mean and standard deviation of the heard frames."""
        scores = torch.tanh(self.sap_linear(frames)) @ self.attention
        weights = scores.masked_fill(~heard.unsqueeze(2), -torch.inf).softmax(1)
        mean = (frames * weights).sum(1)
        variance = (frames.square() * weights).sum(1) - mean.square()
        return torch.cat([mean, variance.clamp_min(_LEAST_VARIANCE).sqrt()], 1)


class EmotionRegression(nn.Module):
    """(batch, 2 * features) -> (batch, 3)."""

    def __init__(self, features: int, layers: int) -> None:
        super().__init__()
        widths = [2 * features, *[features] * layers]
        self.fc = nn.ModuleList(
            nn.Sequential(nn.Linear(before, after), nn.LayerNorm(after), nn.ReLU())
            for before, after in pairwise(widths)
        )
        self.out = nn.Sequential(nn.Linear(features, 3))

    def forward(self, pooled: Tensor) -> Tensor:
        """(batch, 2 * features) -> (batch, 3)."""
        for layer in self.fc:
            pooled = layer(pooled)
        emotion: Tensor = self.out(pooled)
        return emotion


class WavLMNetwork(EmotionNetwork):
    """See the module.

    Args:
        config: of the transformer.
        layers: hidden layers of the head.
        mean, std: of the input in training, on the scale of [-1, 1].
    """

    def __init__(self, config: WavLMConfig, layers: int, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        self.ssl_model = WavLMModel(config)
        self.pool_model = AttentiveStatistics(config.hidden_size)
        self.ser_model = EmotionRegression(config.hidden_size, layers)

    @property
    def encoder(self) -> PreTrainedModel:
        """The transformer."""
        return self.ssl_model

    def normalised(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) by the mean and standard deviation of the training data."""
        return ((audio - self.mean) / (self.std + _TINY)).astype(np.float32)

    def emotion(self, frames: Tensor, heard: Tensor) -> Tensor:
        """Attentive statistics of the heard frames through the head."""
        emotion: Tensor = self.ser_model(self.pool_model(frames, heard))
        return emotion
