"""The running level of a stream, in place of a clip's mean and variance: only the past is known.

Step 1c of `edge_ser.frontend.spec`. Over all hops so far, then exponential with the spec's time
constant; a pure function of the samples, so that chunks do not matter and an offline pass over
the whole signal gives what a stream gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.frontend.spec import FrontEndSpec


@dataclass
class CausalLevel:
    """State of one stream.

    Attributes:
        spec: its `hop`, `level_hops` and `level_eps` are used.
        mean, square: running means of the samples and of their squares.
        hops: averaged over, at most `spec.level_hops`.
    """

    spec: FrontEndSpec
    mean: float = 0.0
    square: float = 0.0
    hops: int = 0

    def hear(self, samples: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take whole hops.

        Args:
            samples: (frames * hop,) float, about [-1, 1].

        Returns:
            Mean, and what samples are divided by, for the frame that ends with each hop; each
            (frames,).
        """
        hops = samples.reshape(-1, self.spec.hop).astype(np.float64, copy=False)
        means = hops.sum(axis=1) / self.spec.hop
        squares = np.square(hops).sum(axis=1) / self.spec.hop
        running_means, running_squares = self._follow(means.tolist(), squares.tolist())
        variance = np.maximum(running_squares - running_means**2, 0.0)
        return running_means, np.sqrt(variance + self.spec.level_eps)

    def _follow(
        self, means: list[float], squares: list[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both running means after each hop: a recursion, for which numpy has nothing."""
        mean, square, hops, longest = self.mean, self.square, self.hops, self.spec.level_hops
        running_means, running_squares = [], []
        for hop_mean, hop_square in zip(means, squares, strict=True):
            if hops < longest:
                hops += 1
            mean += (hop_mean - mean) / hops
            square += (hop_square - square) / hops
            running_means.append(mean)
            running_squares.append(square)
        self.mean, self.square, self.hops = mean, square, hops
        return np.array(running_means), np.array(running_squares)
