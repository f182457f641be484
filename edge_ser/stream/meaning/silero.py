"""Silero's voice-activity network (version 6.2) in numpy: 0.7 million products per 32 ms.

Short-time transform of the frame and 4 ms before it, four convolutions over its four columns,
an LSTM, a logistic output. Buffers and strided views are made once: at this size numpy's calls
cost more than the arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from edge_ser.stream.meaning.silero_weights import CHANNELS, UNITS, SileroWeights

_FRAME = 512
_CONTEXT = 64
"""Samples before the frame that its transform reaches back to."""

_MIRRORED = 64
"""Samples behind the frame, which are its own last ones, reversed."""

_STEP, _LENGTH = 128, 256
_STRIDES = (1, 2, 2, 1)
_COLUMNS = (4, 4, 2, 1)
"""Of each convolution's input; the last one gives a single column."""


class SileroNetwork:
    """State of one stream.

    Args:
        weights: of the network.
    """

    def __init__(self, weights: SileroWeights) -> None:
        self._weights = weights
        self._signal = np.zeros(_CONTEXT + _FRAME + _MIRRORED, np.float32)
        step = self._signal.strides[0]
        self._pieces = as_strided(self._signal, (_COLUMNS[0], _LENGTH), (_STEP * step, step))
        # Each convolution's input has a column of zeros before and behind it.
        self._inputs = [
            np.zeros((columns + 2, channels), np.float32)
            for columns, (channels, _) in zip(_COLUMNS, CHANNELS, strict=True)
        ]
        self._triples = [
            _triples(padded, stride) for padded, stride in zip(self._inputs, _STRIDES, strict=True)
        ]
        self._hidden = np.zeros(UNITS, np.float32)
        self._cell = np.zeros(UNITS, np.float32)

    def reset(self) -> None:
        """Nothing was heard yet."""
        self._signal[:] = 0
        self._hidden = np.zeros(UNITS, np.float32)
        self._cell = np.zeros(UNITS, np.float32)

    def hear(self, frame: NDArray[np.float32]) -> float:
        """(512,) float32 at 16 kHz, about [-1, 1], finite -> probability of speech, 0..1."""
        self._remember(self._encode(frame))
        weights = self._weights
        logit = float(weights.output @ np.maximum(self._hidden, 0)) + weights.output_bias
        return 1 / (1 + math.exp(-logit)) if logit > -80 else 0.0

    def _encode(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """(128,) features of a frame."""
        signal, weights = self._signal, self._weights
        signal[:_CONTEXT] = signal[_FRAME : _FRAME + _CONTEXT]
        signal[_CONTEXT : _CONTEXT + _FRAME] = frame
        signal[-_MIRRORED:] = signal[-_MIRRORED - 2 : -2 * _MIRRORED - 2 : -1]
        waves = np.square(self._pieces @ weights.transform)
        bands = CHANNELS[0][0]
        np.sqrt(waves[:, :bands] + waves[:, bands:], out=self._inputs[0][1:-1])
        for index, triples in enumerate(self._triples):
            sums = triples @ weights.kernels[index]
            sums += weights.biases[index]
            np.maximum(sums, 0, out=sums)
            if index + 1 < len(self._inputs):
                self._inputs[index + 1][1:-1] = sums
        features: NDArray[np.float32] = sums[0]
        return features

    def _remember(self, features: NDArray[np.float32]) -> None:
        """One step of the LSTM."""
        weights = self._weights
        gates = features @ weights.inputs
        gates += self._hidden @ weights.recurrent
        gates += weights.gate_bias
        proposed = np.tanh(gates[2 * UNITS : 3 * UNITS])
        # The logistic function by tanh, which cannot overflow.
        opened = 0.5 * np.tanh(0.5 * gates) + np.float32(0.5)
        self._cell = opened[UNITS : 2 * UNITS] * self._cell + opened[:UNITS] * proposed
        self._hidden = opened[3 * UNITS :] * np.tanh(self._cell)


def _triples(padded: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """View of three columns next to each other, every `stride` columns, as rows."""
    columns, channels = padded.shape
    rows = (columns - 3) // stride + 1
    return as_strided(
        padded,
        (rows, 3 * channels),
        (stride * padded.strides[0], padded.strides[1]),
        writeable=False,
    )
