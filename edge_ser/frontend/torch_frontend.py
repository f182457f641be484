"""The front-end as torch modules, with the DFT as a convolution (exports) or as an FFT (fast)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edge_ser.frontend.filterbank import dft_basis, hann, mel_matrix
from edge_ser.frontend.spec import FrontEndSpec


def normalise_level(audio: Tensor, spec: FrontEndSpec) -> Tensor:
    """Zero mean and unit variance per clip, (batch, samples)."""
    centred = audio - audio.mean(dim=-1, keepdim=True)
    variance = (centred * centred).mean(dim=-1, keepdim=True)
    return centred / torch.sqrt(variance + spec.level_eps)


class LogMel(nn.Module):
    """(batch, samples) float32 at `spec.sample_rate` -> (batch, 1, frames, n_mels).

    The DFT is a convolution, which exports to ONNX and TFLite. Its weights and the mel
    bands' are frozen parameters, because the paper's parameter count includes them:
    2 * bins * n_fft + bins * n_mels.
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        super().__init__()
        self.spec = spec
        cosine, sine = dft_basis(spec)
        self.real = _frozen(torch.from_numpy(cosine)[:, None, :])
        self.imag = _frozen(torch.from_numpy(sine)[:, None, :])
        self.mel = _frozen(torch.from_numpy(mel_matrix(spec).T))

    def forward(self, audio: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():  # an exported graph carries no such check
            self.spec.frames(audio.shape[-1])
        signal = nn.functional.pad(normalise_level(audio, self.spec), (self.spec.left_pad, 0))
        real = nn.functional.conv1d(signal[:, None, :], self.real, stride=self.spec.hop)
        imag = nn.functional.conv1d(signal[:, None, :], self.imag, stride=self.spec.hop)
        power = (real * real + imag * imag).transpose(1, 2)
        return _normalised_decibel(power @ self.mel, self.spec)


class FastLogMel(nn.Module):
    """The same front-end by FFT, for networks that are never exported (teachers).

    (batch, samples) -> (batch, 1, frames, n_mels). At n_fft 512 it takes about a quarter of
    the convolution's time. It has no parameters.
    """

    window: Tensor
    mel: Tensor

    def __init__(self, spec: FrontEndSpec) -> None:
        super().__init__()
        self.spec = spec
        window, mel = torch.from_numpy(hann(spec.n_fft)), torch.from_numpy(mel_matrix(spec).T)
        self.register_buffer("window", window.float(), persistent=False)
        self.register_buffer("mel", mel.float().contiguous(), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        signal = nn.functional.pad(normalise_level(audio, self.spec), (self.spec.left_pad, 0))
        spectrum = torch.fft.rfft(signal.unfold(-1, self.spec.n_fft, self.spec.hop) * self.window)
        power = spectrum.real.square() + spectrum.imag.square()
        return _normalised_decibel(power @ self.mel, self.spec)


def _normalised_decibel(mel: Tensor, spec: FrontEndSpec) -> Tensor:
    decibel = torch.log(torch.clamp(mel, min=spec.log_floor)) * (10.0 / math.log(10.0))
    return ((decibel - spec.mean_db) / spec.std_db)[:, None]


def _frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.float().contiguous(), requires_grad=False)
