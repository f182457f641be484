"""What the published teachers' networks have in common: masks, frames, strict loading of weights.

The transformers themselves (`Wav2Vec2Model`, `WavLMModel`) come from the library; only the
pooling and the small head on top are written here, with the tensors' names of the hub.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from edge_ser.errors import InputError

_UNUSED = "masked_spec_embed"
"""Replaces masked frames in training; checkpoints may lack it or have it, nothing else reads it."""

_OLD_NAMES = {
    "conv.weight_g": "conv.parametrizations.weight.original0",
    "conv.weight_v": "conv.parametrizations.weight.original1",
}
"""Weight normalisation of the positional convolution, before and after PyTorch 2.1."""


class EmotionNetwork(nn.Module, ABC):
    """Raw waveforms -> A/D/V."""

    @property
    @abstractmethod
    def encoder(self) -> PreTrainedModel:
        """The transformer, its convolutions included."""

    @abstractmethod
    def normalised(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) at 16 kHz -> (samples,) at the level the network was trained with."""

    @abstractmethod
    def emotion(self, frames: Tensor, heard: Tensor) -> Tensor:
        """(batch, frames, features), (batch, frames) True where there is audio -> (batch, 3)."""

    @property
    def pads(self) -> bool:
        """Whether padded clips can be answered together.

        A group norm over time in the first convolution sees the padding, a layer norm does not.
        """
        return str(self.encoder.config.feat_extract_norm) == "layer"

    @property
    def shortest(self) -> int:
        """Samples of the shortest audio that gives one frame."""
        samples = 1
        config = self.encoder.config
        layers = zip(config.conv_kernel, config.conv_stride, strict=True)
        for kernel, stride in reversed(list(layers)):
            samples = (samples - 1) * stride + kernel
        return samples

    def frames(self, samples: Tensor) -> Tensor:
        """Frames that the convolutions make of so many samples."""
        config = self.encoder.config
        for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
            samples = torch.div(samples - kernel, stride, rounding_mode="floor") + 1
        return samples

    def forward(self, signal: Tensor, lengths: Tensor) -> Tensor:
        """(batch, samples) normalised and padded with zeros, (batch,) samples -> (batch, 3)."""
        padded = bool((lengths < signal.shape[1]).any())
        real = torch.arange(signal.shape[1], device=signal.device) < lengths[:, None]
        mask = real if padded else None
        with warnings.catch_warnings():  # WavLM's own mixture of masks, which PyTorch deprecates
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
            frames = self.encoder(signal, attention_mask=mask).last_hidden_state
        heard = torch.arange(frames.shape[1], device=signal.device) < self.frames(lengths)[:, None]
        with torch.autocast(signal.device.type, enabled=False):
            return self.emotion(frames.float(), heard)


def padded(signals: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """(batch, longest) with zeros behind the shorter ones, and (batch,) their lengths."""
    lengths = torch.tensor([len(signal) for signal in signals])
    batch = torch.zeros(len(signals), int(lengths.max()))
    for row, signal in zip(batch, signals, strict=True):
        row[: len(signal)] = torch.from_numpy(signal)
    return batch, lengths


def fill(network: EmotionNetwork, tensors: Mapping[str, Tensor], source: object) -> None:
    """Give a network that was made on the meta device its weights, as float32.

    Args:
        network: on the meta device: without memory of its own.
        tensors: by the names of the hub.
        source: what the error names.

    Raises:
        InputError: a tensor is missing, superfluous or of another shape.
    """
    wanted = network.state_dict()
    given = {_present_name(name): value.float() for name, value in tensors.items()}
    given = {name: value for name, value in given.items() if name in wanted or _used(name)}
    for name in wanted:
        if not _used(name):
            given.setdefault(name, torch.zeros(wanted[name].shape))
    faults = [
        *(f"lacks {name}" for name in wanted if name not in given),
        *(f"has a tensor {name} too many" for name in given if name not in wanted),
        *(
            f"{name} is {tuple(given[name].shape)}, not {tuple(wanted[name].shape)}"
            for name in wanted
            if name in given and given[name].shape != wanted[name].shape
        ),
    ]
    if faults:
        more = f", and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise InputError(
            f"{source} does not fit its config.json: {'; '.join(faults[:3])}{more}",
            "config.json and weights must be of the same repository and commit",
        )
    network.load_state_dict(given, assign=True)


def _used(name: str) -> bool:
    return not name.endswith(_UNUSED)


def _present_name(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name
