"""The log-mel of a stream: samples in, in chunks of any size, rows out, one per hop.

The level is the running one (step 1c of `edge_ser.frontend.spec`). What is kept is the level, the
samples under the next frame and those that do not fill a hop yet: a stream of months needs no more
than one of seconds. An offline pass is the same code with one chunk.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from edge_ser.frontend.causal_level import CausalLevel
from edge_ser.frontend.decibel import normalised_decibel
from edge_ser.frontend.spec import FrontEndSpec

_BLOCK = 256
"""Frames per step: keeps the float64 intermediates under 1 MB whatever the chunk's length."""


class StreamLogMel:
    """Front-end of one stream.

    Args:
        spec: the front-end.
        dtype: of the rows; the arithmetic is float64.
    """

    def __init__(self, spec: FrontEndSpec, dtype: DTypeLike = np.float32) -> None:
        self._spec = spec
        self._dtype = dtype
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self._level = CausalLevel(self._spec)
        self._before: NDArray[np.float64] = np.zeros(self._spec.left_pad)
        self._unheard = self._spec.left_pad
        self._rest: NDArray[Any] = np.zeros(0, np.float32)

    def push(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Hear (n,) float samples, about [-1, 1], any n.

        Returns:
            (frames, n_mels): the rows whose hop is now complete, about [-2.5, 3].
        """
        spec = self._spec
        if len(self._rest):
            samples = np.concatenate([self._rest, samples])
        frames = len(samples) // spec.hop
        output = np.empty((frames, spec.n_mels), self._dtype)
        for start in range(0, frames, _BLOCK):
            stop = min(start + _BLOCK, frames)
            output[start:stop] = self._rows(samples[start * spec.hop : stop * spec.hop])
        # A copy: the caller may reuse its chunk, and a view would keep a large one alive.
        self._rest = samples[frames * spec.hop :].copy()
        return output

    def _rows(self, heard: NDArray[Any]) -> NDArray[np.float64]:
        """Rows of whole hops."""
        spec = self._spec
        signal = np.concatenate([self._before, heard], dtype=np.float64)
        self._before = signal[len(signal) - spec.left_pad :].copy()
        means, deviations = self._level.hear(signal[spec.left_pad :])
        step = signal.strides[0]
        framed = as_strided(signal, (len(means), spec.n_fft), (spec.hop * step, step))
        levelled = framed - means[:, None]
        levelled /= deviations[:, None]
        # Zeros stand before the first sample of the levelled signal, not of the raw one.
        for frame in range(len(levelled)):
            if not self._unheard:
                break
            levelled[frame, : self._unheard] = 0.0
            self._unheard = max(0, self._unheard - spec.hop)
        return normalised_decibel(levelled, spec)
