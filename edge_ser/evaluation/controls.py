"""What a test is worth shows when a model that knows nothing takes it too."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_MEAN, _DEVIATION = 0.5, 1 / 6


class RandomModel:
    """Gaussian A/D/V around .5, clipped to 0..1; equal audio gives equal values.

    The public test suite for dimensional SER has such a control: it passes many tests that ask
    for equal treatment or for an unchanged CCC, and few that ask for correct answers.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) -> (3,)."""
        digest = hashlib.sha256(np.asarray(audio, np.float32).tobytes()).digest()
        random = np.random.default_rng([self.seed, int.from_bytes(digest[:8], "little")])
        values: NDArray[np.float64] = random.normal(_MEAN, _DEVIATION, 3)
        return np.clip(values, 0, 1).astype(np.float32)
