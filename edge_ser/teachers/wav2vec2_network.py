"""wav2vec2 with a mean-pooled regression head, as published with arXiv 2203.07378.

audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim: frames -> mean over time -> Linear ->
tanh -> Linear -> arousal, dominance, valence.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel, Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from edge_ser import SAMPLE_RATE
from edge_ser.teachers.emotion_network import EmotionNetwork


class RegressionHead(nn.Module):
    """(batch, features) -> (batch, 3)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.dense = nn.Linear(features, features)
        self.out_proj = nn.Linear(features, 3)

    def forward(self, pooled: Tensor) -> Tensor:
        """(batch, features) -> (batch, 3)."""
        emotion: Tensor = self.out_proj(torch.tanh(self.dense(pooled)))
        return emotion


class Wav2Vec2Network(EmotionNetwork):
    """See the module.

    Args:
        config: of the transformer.
        processor: zero mean and unit variance per clip, if its config says so.
    """

    def __init__(self, config: Wav2Vec2Config, processor: Wav2Vec2FeatureExtractor) -> None:
        super().__init__()
        self.processor = processor
        self.wav2vec2 = Wav2Vec2Model(config)
        self.classifier = RegressionHead(config.hidden_size)

    @property
    def encoder(self) -> PreTrainedModel:
        """The transformer."""
        return self.wav2vec2

    def normalised(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) through the published processor."""
        processed = self.processor(audio, sampling_rate=SAMPLE_RATE, return_tensors="np")
        signal: NDArray[np.float32] = processed["input_values"][0]
        return signal

    def emotion(self, frames: Tensor, heard: Tensor) -> Tensor:
        """Mean of the heard frames through the head."""
        weights = heard.float() / heard.sum(1, keepdim=True)
        pooled = (frames * weights.unsqueeze(2)).sum(1)
        emotion: Tensor = self.classifier(pooled)
        return emotion
