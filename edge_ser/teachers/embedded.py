"""The small teacher that the project trains itself: the mean of a few convolutional networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edge_ser.checkpoint import read_card, save_weights
from edge_ser.errors import InputError
from edge_ser.teachers.cnn import CnnConfig, EmotionCnn

SHORTEST_SECONDS = 0.25
"""Below this the networks' time strides leave nothing to pool over."""


class EmbeddedTeacher:
    """Mean A/D/V of its networks; implements `edge_ser.teachers.Teacher`.

    The auxiliary emotion classifiers are used in training only and are not stored.
    """

    def __init__(self, networks: Sequence[EmotionCnn], card: dict[str, Any]) -> None:
        self.networks = [network.eval() for network in networks]
        self.card = card
        self.id: str = card["id"]
        self.licence: str = card["licence"]
        self.weights_sha256: str = card.get("weights_sha256", "")

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) at 16 kHz -> (3,) A/D/V."""
        return self.predict_batch(np.asarray(audio, np.float32)[None])[0]

    def predict_batch(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(batch, samples) at 16 kHz -> (batch, 3) A/D/V.

        Raises:
            InputError: shorter than a quarter of a second.
        """
        signal = torch.from_numpy(np.ascontiguousarray(audio, np.float32))
        rate = self.networks[0].config.frontend.sample_rate
        if signal.shape[-1] < SHORTEST_SECONDS * rate:
            raise InputError(
                f"the teacher needs {SHORTEST_SECONDS} s of audio, "
                f"not {signal.shape[-1] / rate:.3f} s"
            )
        with torch.inference_mode():
            outputs = torch.stack([network(signal) for network in self.networks])
        mean: NDArray[np.float32] = outputs.mean(0).numpy()
        return mean

    def save(self, path: Path, card: dict[str, Any]) -> None:
        """Write the networks as float16 and their card."""
        tensors = {
            f"{index}.{name}": value.half() if value.is_floating_point() else value
            for index, network in enumerate(self.networks)
            for name, value in network.state_dict().items()
            if not name.startswith("emotions.")
        }
        members = [
            {**network.config.to_dict(), "emotions": 0, "dropout": 0.0} for network in self.networks
        ]
        save_weights(path, tensors, {"kind": "teacher", **card, "members": members})

    @classmethod
    def load(cls, path: Path) -> EmbeddedTeacher:
        """Inverse of `save`.

        Raises:
            InputError: missing files, or a checkpoint of something else.
        """
        from safetensors.torch import load_file

        card = read_card(path)
        if card.get("kind") != "teacher":
            raise InputError(f"{path} holds a {card.get('kind')}, not a teacher")
        tensors = load_file(path)
        networks = []
        for index, member in enumerate(card["members"]):
            network = EmotionCnn(CnnConfig.from_dict(member))
            prefix = f"{index}."
            state = {
                name[len(prefix) :]: value
                for name, value in tensors.items()
                if name.startswith(prefix)
            }
            try:
                network.load_state_dict(state)
            except RuntimeError as error:
                raise InputError(f"{path} does not fit its card: {error}") from error
            networks.append(network)
        return cls(networks, card)
