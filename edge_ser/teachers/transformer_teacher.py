"""A published teacher at work: windows, batches, padding, device and precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.teachers import RaggedTeacher
from edge_ser.teachers.architectures import build_network
from edge_ser.teachers.checkpoint_folder import fingerprint, open_folder
from edge_ser.teachers.emotion_network import EmotionNetwork, padded
from edge_ser.teachers.windows import WINDOW, window_weights, windows_of

_BATCH_SAMPLES = 8 * WINDOW
"""Samples of one pass at most, padding included: what bounds the memory."""


class TransformerTeacher(RaggedTeacher):
    """wav2vec2-msp-dim or wavlm-odyssey.

    In bfloat16 the convolutions and matrix products run in that type, norms, softmax, pooling
    and head in float32; such answers differ a little, so id and fingerprint say so and a label
    store does not mix the two.

    Args:
        network: with its weights.
        name: of the published teacher.
        licence: of the weights.
        weights_sha256: of the weights' files.
        device: "auto", "cpu" or "cuda".
        precision: "float32" or "bfloat16".
    """

    def __init__(
        self,
        network: EmotionNetwork,
        name: str,
        licence: str,
        weights_sha256: str,
        device: str = "auto",
        precision: str = "float32",
    ) -> None:
        self.device = torch_device(device)
        self.network = network.to(self.device)
        self.bfloat16 = precision == "bfloat16"
        self.name = name
        self.id = f"{name} in bfloat16" if self.bfloat16 else name
        self.licence = licence
        self.weights_sha256 = (
            fingerprint({"weights": weights_sha256, "precision": precision})
            if self.bfloat16
            else weights_sha256
        )

    @classmethod
    def load(
        cls, path: Path, device: str = "auto", precision: str = "float32"
    ) -> TransformerTeacher:
        """From a folder in the hub's layout; no network access.

        Raises:
            InputError: files are missing, malformed, or of another architecture.
            EnvironmentMissing: no GPU where one is asked for.
        """
        torch_device(device)
        folder = open_folder(path)
        network = build_network(folder)
        name, licence = folder.published.name, folder.licence
        return cls(network, name, licence, folder.sha256(), device, precision)

    def predict_many(self, clips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Clips of (samples,) at 16 kHz, of any lengths -> (clips, 3) A/D/V, not clipped.

        What is longer than 12 s is heard in windows; see `edge_ser.teachers.windows`.

        Raises:
            InputError: a clip is too short for one frame, or holds values that are not finite.
        """
        if not len(clips):
            return np.empty((0, 3), np.float32)
        signals = [np.asarray(clip, np.float32) for clip in clips]
        for signal in signals:
            self._check(signal)
        windows = [windows_of(signal) for signal in signals]
        answers = self._answers([window for of_clip in windows for window in of_clip])
        parts = np.split(answers, np.cumsum([len(of_clip) for of_clip in windows])[:-1])
        means = [
            window_weights(len(signal)) @ part for signal, part in zip(signals, parts, strict=True)
        ]
        return np.array(means, np.float32)

    def _check(self, signal: NDArray[np.float32]) -> None:
        if signal.ndim != 1 or len(signal) < self.network.shortest:
            raise InputError(
                f"{self.id} needs mono audio of {self.network.shortest / SAMPLE_RATE:g} s or more, "
                f"not an array of {signal.shape}"
            )
        if not np.isfinite(signal).all():
            raise InputError("the audio holds samples that are not finite numbers")

    def _answers(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """(windows, 3), each window a clip of its own; similar lengths are answered together."""
        answers = np.empty((len(windows), 3))
        for members in self._batches([len(window) for window in windows]):
            signals, lengths = padded(
                [self.network.normalised(windows[member]) for member in members]
            )
            with torch.inference_mode(), self._precision():
                emotion = self.network(signals.to(self.device), lengths.to(self.device))
            answers[members] = emotion.float().cpu().numpy()
        return answers

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Indices of windows to answer together, short ones first."""
        order = sorted(range(len(lengths)), key=lambda index: lengths[index])
        groups = (
            [order]
            if self.network.pads
            else [list(same) for _, same in groupby(order, key=lambda index: lengths[index])]
        )
        for group in groups:
            batch: list[int] = []
            for index in group:
                if batch and (len(batch) + 1) * lengths[index] > _BATCH_SAMPLES:
                    yield batch
                    batch = []
                batch.append(index)
            yield batch

    def _precision(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)


def torch_device(name: str) -> torch.device:
    """Where "auto", "cpu" or "cuda" is here; "auto" takes a CUDA GPU if there is one.

    Raises:
        EnvironmentMissing: "cuda" without a usable GPU.
    """
    usable = torch.cuda.is_available()
    if name == "cuda" and not usable:
        raise EnvironmentMissing(
            f"PyTorch {torch.__version__} finds no CUDA GPU here",
            "--device cpu, or install the CUDA build of PyTorch and a driver that fits it",
        )
    return torch.device("cuda" if name == "cuda" or (name == "auto" and usable) else "cpu")
