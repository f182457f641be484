"""Training of one teacher network from a bank of augmented, emotion-labelled clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from edge_ser.audio.augment import rms
from edge_ser.audio.bank import Bank
from edge_ser.teachers.cnn import CnnConfig, EmotionCnn
from edge_ser.training.loop import Schedule, train
from edge_ser.training.losses import ccc_l1_loss

_MIXUP_CHANCE = 0.5
_EMOTION_WEIGHT = 0.3
_TIME_MASKS, _LONGEST_TIME_MASK = 2, 0.12
_BAND_MASKS, _WIDEST_BAND_MASK = 2, 0.15


@dataclass(frozen=True)
class Labels:
    """What the teacher's networks learn for each source clip of a bank.

    Attributes:
        adv: (clips, 3) float32 A/D/V targets.
        emotion: (clips,) class indices for the auxiliary classifier.
        trainable: (clips,) bool, False for held-out speakers.
    """

    adv: NDArray[np.float32]
    emotion: NDArray[np.int64]
    trainable: NDArray[np.bool_]


def train_cnn(
    config: CnnConfig, bank: Bank, labels: Labels, schedule: Schedule, seed: int, folder: Path
) -> EmotionCnn:
    """One trained network; takes up what `folder` holds of the same run."""
    torch.manual_seed(seed)
    model = EmotionCnn(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    items = bank.made_only_of(labels.trainable)

    def loss_of(random: Generator) -> Tensor:
        audio, adv, emotion = _mixed_batch(bank, labels, items, schedule.batch, random, config)
        with torch.no_grad():
            log_mel = _masked(model.frontend(audio), random)
        with torch.autocast("cpu", torch.bfloat16):
            pooled = model.pool(log_mel.contiguous(memory_format=torch.channels_last))
        prediction, logits = model.heads(pooled.float())
        loss = ccc_l1_loss(prediction, adv)
        if logits is not None:
            loss = loss + _EMOTION_WEIGHT * torch.nn.functional.cross_entropy(logits, emotion)
        return loss

    train(model, loss_of, schedule, seed, folder)
    return model


def _mixed_batch(
    bank: Bank,
    labels: Labels,
    items: NDArray[np.int64],
    batch: int,
    random: Generator,
    config: CnnConfig,
) -> tuple[Tensor, Tensor, Tensor]:
    """Audio (batch, samples), targets (batch, 3), soft classes (batch, emotions), with mixup."""
    chosen, partner = random.choice(items, (2, batch))
    share = np.where(random.random(batch) < _MIXUP_CHANCE, random.uniform(0.5, 1, batch), 1)
    share = share.astype(np.float32)[:, None]
    classes = np.eye(max(config.emotions, 1), dtype=np.float32)

    def blend(first: NDArray[np.float32], second: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(share * first + (1 - share) * second)

    def emotion(picked: NDArray[np.int64]) -> NDArray[np.float32]:
        index = labels.emotion[bank.first[picked]]
        return classes[index if config.emotions else np.zeros_like(index)]

    audio = blend(_at_unit_level(bank.batch(chosen)), _at_unit_level(bank.batch(partner)))
    adv = blend(labels.adv[bank.first[chosen]], labels.adv[bank.first[partner]])
    return audio, adv, blend(emotion(chosen), emotion(partner))


def _at_unit_level(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    levels = np.array([rms(row) for row in audio], dtype=np.float32)
    return audio / levels[:, None]


def _masked(log_mel: Tensor, random: Generator) -> Tensor:
    """SpecAugment (Park et al. 2019): random stretches of time and bands set to the clip's mean."""
    _, _, frames, bands = log_mel.shape
    for clip in log_mel[:, 0]:
        mean = clip.mean()
        for _ in range(_TIME_MASKS):
            clip[_stretch(frames, _LONGEST_TIME_MASK, random)] = mean
        for _ in range(_BAND_MASKS):
            clip[:, _stretch(bands, _WIDEST_BAND_MASK, random)] = mean
    return log_mel


def _stretch(length: int, longest: float, random: Generator) -> slice:
    width = int(random.integers(int(length * longest) + 1))
    start = int(random.integers(length - width + 1))
    return slice(start, start + width)
