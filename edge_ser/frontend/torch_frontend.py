"""The front-end as a torch module that exports to ONNX and TFLite: the DFT is a convolution."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edge_ser.frontend.filterbank import dft_basis, mel_matrix
from edge_ser.frontend.spec import FrontEndSpec


class LogMel(nn.Module):
    """(batch, samples) float32 at `spec.sample_rate` -> (batch, 1, frames, n_mels).

    The DFT and mel weights are frozen parameters, because the paper's parameter count
    includes them: 2 * bins * n_fft + bins * n_mels.
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        super().__init__()
        self.spec = spec
        cosine, sine = dft_basis(spec)
        self.real = _frozen(torch.from_numpy(cosine)[:, None, :])
        self.imag = _frozen(torch.from_numpy(sine)[:, None, :])
        self.mel = _frozen(torch.from_numpy(mel_matrix(spec).T))

    def normalise_level(self, audio: Tensor) -> Tensor:
        """Zero mean and unit variance per clip, (batch, samples)."""
        centred = audio - audio.mean(dim=-1, keepdim=True)
        variance = (centred * centred).mean(dim=-1, keepdim=True)
        return centred / torch.sqrt(variance + self.spec.level_eps)

    def forward(self, audio: Tensor) -> Tensor:
        spec = self.spec
        signal = nn.functional.pad(self.normalise_level(audio), (spec.left_pad, 0))[:, None, :]
        real = nn.functional.conv1d(signal, self.real, stride=spec.hop)
        imag = nn.functional.conv1d(signal, self.imag, stride=spec.hop)
        power = (real * real + imag * imag).transpose(1, 2)
        mel = torch.clamp(power @ self.mel, min=spec.log_floor)
        decibel = torch.log(mel) * (10.0 / math.log(10.0))
        return ((decibel - spec.mean_db) / spec.std_db)[:, None]


def _frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.float().contiguous(), requires_grad=False)
