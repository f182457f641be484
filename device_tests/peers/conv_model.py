"""A plain int8 network of 10.8 million multiply-accumulates, the same bytes wherever it is made.

Seven 3x3 convolutions of 13 channels with ReLU over 45 x 26 positions, padding SAME, stride 1,
one scale per output channel: Wav2Small's convolutions without its pool and heads, so that nothing
but convolution is compared. The weights are drawn, not trained.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_export import tflite_file
from firmware_export.tflite_file import schema

FRAMES, BANDS, CHANNELS, LAYERS, KERNEL = 45, 26, 13, 7, 3
MACS = FRAMES * BANDS * CHANNELS * KERNEL**2 * (1 + (LAYERS - 1) * CHANNELS)

_SEED = 10_814_310
_INPUT_SCALE = 0.05
_WEIGHT_STEPS = 40.0
"""Standard deviation of the weights' codes."""

_SPREAD = 0.6
"""Output scale relative to that of a sum of independent products: keeps every layer's codes in
use, none stuck at an end."""


def conv_model() -> bytes:
    """The TFLite file; input (1, 45, 26, 1) int8, output (1, 45, 26, 13) int8."""
    builder = _Builder()
    source = builder.tensor("input", (1, FRAMES, BANDS, 1), _INPUT_SCALE, 0)
    first, scale = source, _INPUT_SCALE
    for layer in range(LAYERS):
        source, scale = builder.convolution(source, scale, layer)
    return builder.finish(first, source)


class _Builder:
    """Collects tensors, their data and operators."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(_SEED)
        self._model = schema.ModelT()
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model.buffers = [schema.BufferT()]

    def tensor(self, name: str, shape: tuple[int, ...], scale: Any, zero_point: int) -> int:
        """An activation: one scale and zero point."""
        return self._add(
            name, shape, schema.TensorType.INT8, np.array([scale], np.float32), [zero_point], 0
        )

    def convolution(self, source: int, scale: float, layer: int) -> tuple[int, float]:
        """One layer with its weights; returns its output and that one's scale."""
        inputs = int(self._graph.tensors[source].shape[3])
        shape = (CHANNELS, KERNEL, KERNEL, inputs)
        drawn = np.round(self._random.normal(0, _WEIGHT_STEPS, shape))
        weights = np.clip(drawn, -127, 127).astype(np.int8)
        scales = self._random.uniform(0.002, 0.004, CHANNELS).astype(np.float32)
        bias = self._random.integers(-2_000, 2_001, CHANNELS).astype(np.int32)
        products = np.float32(scale) * scales
        weight = self._constant(f"conv{layer}.weight", weights, scales)
        added = self._constant(f"conv{layer}.bias", bias, products)
        terms = KERNEL * KERNEL * inputs
        made = float(products.mean()) * _WEIGHT_STEPS * np.sqrt(terms) * _SPREAD
        name = "output" if layer == LAYERS - 1 else f"conv{layer}"
        result = self.tensor(name, (1, FRAMES, BANDS, CHANNELS), made, -128)
        self._graph.operators.append(_operator([source, weight, added], result))
        return result, made

    def finish(self, source: int, result: int) -> bytes:
        """The file."""
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
        code.version = 3
        self._graph.inputs, self._graph.outputs = [source], [result]
        self._graph.name = "main"
        self._model.version = 3
        self._model.operatorCodes = [code]
        self._model.subgraphs = [self._graph]
        self._model.description = "seven 3x3 int8 convolutions"
        return tflite_file.serialise(self._model)

    def _constant(self, name: str, data: NDArray[Any], scales: NDArray[np.float32]) -> int:
        kind = schema.TensorType.INT8 if data.dtype == np.int8 else schema.TensorType.INT32
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        zeros = [0] * len(scales)
        return self._add(name, data.shape, kind, scales, zeros, len(self._model.buffers) - 1)

    def _add(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: int,
        scales: NDArray[np.float32],
        zero_points: list[int],
        buffer: int,
    ) -> int:
        code = schema.QuantizationParametersT()
        code.scale, code.zeroPoint = scales, np.array(zero_points, np.int64)
        code.quantizedDimension = 0
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), kind
        tensor.quantization, tensor.buffer = code, buffer
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1


def _operator(sources: list[int], result: int) -> Any:
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, sources, [result]
    operator.builtinOptions = options
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    return operator
