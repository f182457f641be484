"""The int8 backbone of a bundle as a list of layers a C engine can stream row by row.

Reads the TFLite file itself (weights, scales, padding), checks that every operator is one the
engine has, and merges PAD into the layer behind it. Knows the file format and no C.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EnvironmentMissing, InputError

Kind = Literal["conv", "depthwise", "max-pool"]

OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "PAD", "MAX_POOL_2D")
"""What the engine runs."""

_LARGEST_KERNEL = 64


@dataclass(frozen=True)
class Padding:
    """Zero points around the input: rows before and after, bands before and after."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class Layer:
    """One layer; time is the axis that is streamed.

    Attributes:
        name: of the output tensor.
        kind: what it computes.
        kernel, stride: (time, bands).
        padding: of its input.
        bands_in, channels_in, bands_out, channels_out: widths of input and output rows.
        zero_in, zero_out: zero points.
        low, high: clamp of the output codes (the fused activation).
        weights: (channels_out, time, bands, channels_in) int8; depthwise
            (1, time, bands, channels); None for a pool.
        bias: (channels_out,) int32, as stored; None for a pool.
        scales: (channels_out,) float64, input scale * weight scale / output scale.
    """

    name: str
    kind: Kind
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding
    bands_in: int
    channels_in: int
    bands_out: int
    channels_out: int
    zero_in: int
    zero_out: int
    low: int
    high: int
    weights: NDArray[np.int8] | None = None
    bias: NDArray[np.int32] | None = None
    scales: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Graph:
    """A trunk, and the two heads that read its last row: values and scores."""

    trunk: tuple[Layer, ...]
    values: Layer
    scores: Layer

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In the order of execution."""
        return (*self.trunk, self.values, self.scores)


def read_graph(content: bytes, what: str = "backbone.int8.tflite") -> Graph:
    """The layers of a backbone.

    Args:
        content: of the TFLite file.
        what: its name, for messages.

    Raises:
        EnvironmentMissing: the reader of TFLite files is not installed.
        InputError: not such a file, or an operator, type or shape that the engine has not; the
            message names it.
    """
    return _reader(content, what).graph()


def _reader(content: bytes, what: str) -> _Reader:
    try:
        import tflite
    except ImportError as error:
        raise EnvironmentMissing(
            f"the C engine reads TFLite files with the package tflite: {error}",
            "pip install 'edge-ser[c]'",
        ) from error
    if content[4:8] != b"TFL3":
        raise InputError(f"{what} is not a TFLite file", "export the bundle again")
    return _Reader(tflite, tflite.Model.GetRootAsModel(content, 0), what)


def read_chain(content: bytes, what: str) -> tuple[Layer, ...]:
    """The layers of a network without heads: a chain from its input to its only output.

    Raises:
        EnvironmentMissing, InputError: as `read_graph`.
    """
    return _reader(content, what).chain()


class _Reader:
    """Walks the operators of the file's only subgraph."""

    def __init__(self, tflite: Any, model: Any, what: str) -> None:
        self._tflite = tflite
        self._model = model
        self._what = what
        self._graph = model.Subgraphs(0)
        self._padding: dict[int, tuple[int, Padding]] = {}
        """PAD's output tensor -> its input tensor and what it adds."""

    def graph(self) -> Graph:
        """A trunk with two heads."""
        made, outputs = self._made()
        if len(outputs) != 2 or any(output not in made for output in outputs):
            raise self._odd("it does not end in two layers, values and scores")
        (first, values), (second, scores) = (made[output] for output in outputs)
        if first != second:
            raise self._odd("values and scores do not read the same activations")
        trunk = self._chain_to(first, made)
        if len(trunk) + 2 != len(made):
            raise self._odd("its layers are not one chain")
        if any(head.kernel[0] != 1 or head.padding != Padding() for head in (values, scores)):
            raise self._odd("values and scores look at more than one frame")
        return Graph(trunk, values, scores)

    def chain(self) -> tuple[Layer, ...]:
        """A trunk alone."""
        made, outputs = self._made()
        if len(outputs) != 1:
            raise self._odd(f"it has {len(outputs)} outputs, not one")
        layers = self._chain_to(outputs[0], made)
        if len(layers) != len(made):
            raise self._odd("its layers are not one chain")
        return layers

    def _made(self) -> tuple[dict[int, tuple[int, Layer]], list[int]]:
        """Output tensor -> input tensor and layer; and the network's outputs."""
        operators = [self._graph.Operators(i) for i in range(self._graph.OperatorsLength())]
        self._refuse_unknown(operators)
        made: dict[int, tuple[int, Layer]] = {}
        for operator in operators:
            name = self._name(operator)
            if name == "PAD":
                self._padding[operator.Outputs(0)] = self._pad(operator)
            else:
                made[operator.Outputs(0)] = self._layer(operator, name)
        return made, [self._graph.Outputs(i) for i in range(self._graph.OutputsLength())]

    def _chain_to(self, tensor: int, made: dict[int, tuple[int, Layer]]) -> tuple[Layer, ...]:
        layers: list[Layer] = []
        while tensor in made:
            tensor, layer = made[tensor]
            layers.insert(0, layer)
        if tensor != self._graph.Inputs(0):
            raise self._odd("its layers are not one chain from its input")
        return tuple(layers)

    def _refuse_unknown(self, operators: list[Any]) -> None:
        unknown = sorted({self._name(operator) for operator in operators} - set(OPERATORS))
        if "DEQUANTIZE" in unknown:
            raise InputError(
                f"{self._what} holds weights that are dequantised at run time (DEQUANTIZE): its "
                "arithmetic is float, and microcontroller runtimes return garbage for it",
                "export a static int8 backbone: edge-ser export",
            )
        if unknown:
            raise InputError(
                f"the C engine has no {', '.join(unknown)}, which {self._what} uses",
                f"it has {', '.join(OPERATORS)}; run this student with LiteRT or ONNX Runtime",
            )

    def _odd(self, what: str) -> InputError:
        return InputError(
            f"the C engine cannot stream {self._what}: {what}",
            "it runs a chain of layers that ends in values and scores, as Wav2Small's backbone",
        )

    def _name(self, operator: Any) -> str:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        return str(self._tflite.opcode2name(number))

    def _pad(self, operator: Any) -> tuple[int, Padding]:
        amounts = self._constant(operator.Inputs(1), np.int32).reshape(-1, 2)
        if len(amounts) != 4 or amounts[[0, 3]].any():
            raise self._odd("it pads channels")
        (top, bottom), (left, right) = amounts[1].tolist(), amounts[2].tolist()
        return operator.Inputs(0), Padding(top, bottom, left, right)

    def _layer(self, operator: Any, name: str) -> tuple[int, Layer]:
        source = operator.Inputs(0)
        before, explicit = self._padding.get(source, (source, Padding()))
        if name == "MAX_POOL_2D":
            layer = self._pool(operator)
        else:
            layer = self._convolution(operator, depthwise=name == "DEPTHWISE_CONV_2D")
        bands = int(self._shape(before)[2])
        padding = Padding(
            explicit.top + layer.padding.top,
            explicit.bottom + layer.padding.bottom,
            explicit.left + layer.padding.left,
            explicit.right + layer.padding.right,
        )
        layer = replace(layer, bands_in=bands, padding=padding)
        self._check(layer)
        return before, layer

    def _check(self, layer: Layer) -> None:
        time, bands = layer.kernel
        if not (1 <= time <= _LARGEST_KERNEL and 1 <= bands <= _LARGEST_KERNEL):
            raise self._odd(f"{layer.name} has a kernel of {time} x {bands}")
        if layer.stride[0] > time:
            raise self._odd(f"{layer.name} skips rows (stride {layer.stride[0]}, kernel {time})")
        if layer.padding.top >= time or layer.padding.bottom >= time:
            raise self._odd(f"{layer.name} pads more rows than its kernel has")

    def _common(self, operator: Any, options: Any, kernel: tuple[int, int]) -> dict[str, Any]:
        source, result = operator.Inputs(0), operator.Outputs(0)
        shape_in, shape_out = self._shape(source), self._shape(result)
        zero_in, zero_out = self._zero(source), self._zero(result)
        stride = (int(options.StrideH()), int(options.StrideW()))
        low, high = self._clamp(options.FusedActivationFunction(), result)
        return {
            "name": self._graph.Tensors(result).Name().decode(),
            "kernel": kernel,
            "stride": stride,
            "padding": self._same(options.Padding(), kernel, stride, int(shape_in[2])),
            "bands_in": int(shape_in[2]),
            "channels_in": int(shape_in[3]),
            "bands_out": int(shape_out[2]),
            "channels_out": int(shape_out[3]),
            "zero_in": zero_in,
            "zero_out": zero_out,
            "low": low,
            "high": high,
        }

    def _same(
        self, padding: int, kernel: tuple[int, int], stride: tuple[int, int], bands: int
    ) -> Padding:
        """What SAME adds; in time it depends on the length unless the stride is 1."""
        if padding == self._tflite.Padding.VALID:
            return Padding()
        if stride[0] != 1:
            raise self._odd("a layer with a stride in time has SAME padding, which no stream has")
        time = kernel[0] - 1
        across = max((-(-bands // stride[1]) - 1) * stride[1] + kernel[1] - bands, 0)
        return Padding(time // 2, time - time // 2, across // 2, across - across // 2)

    def _pool(self, operator: Any) -> Layer:
        options = self._tflite.Pool2DOptions()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        kernel = (int(options.FilterHeight()), int(options.FilterWidth()))
        common = self._common(operator, options, kernel)
        # A maximum ignores what SAME would pad; the engine's padding takes part in it.
        if common["padding"] != Padding():
            raise self._odd("a max-pool has SAME padding; pad explicitly after a ReLU instead")
        return Layer(kind="max-pool", **common)

    def _convolution(self, operator: Any, depthwise: bool) -> Layer:
        options = (
            self._tflite.DepthwiseConv2DOptions() if depthwise else self._tflite.Conv2DOptions()
        )
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        if (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
            raise self._odd("a convolution is dilated")
        weights = self._weights(operator.Inputs(1))
        common = self._common(operator, options, (weights.shape[1], weights.shape[2]))
        channels = common["channels_in"]
        if depthwise and weights.shape[3] != channels:
            raise self._odd("a depthwise convolution multiplies its channels")
        if not depthwise and weights.shape[3] != channels:
            raise self._odd("a convolution is grouped")
        return Layer(
            kind="depthwise" if depthwise else "conv",
            weights=weights,
            bias=self._bias(operator, common["channels_out"]),
            scales=self._scales(operator, common["channels_out"]),
            **common,
        )

    def _weights(self, tensor: int) -> NDArray[np.int8]:
        if self._graph.Tensors(tensor).Type() != self._tflite.TensorType.INT8:
            raise self._odd("its weights are not int8")
        shape = [int(size) for size in self._shape(tensor)]
        weights: NDArray[np.int8] = self._constant(tensor, np.int8).reshape(shape)
        # TFLite's int8 specification has none, and NEON's kernel adds two products in 16 bits.
        if weights.min() == -128:
            raise self._odd("a weight is -128; int8 weights are -127 to 127")
        return weights

    def _bias(self, operator: Any, channels: int) -> NDArray[np.int32]:
        if operator.InputsLength() < 3 or operator.Inputs(2) < 0:
            return np.zeros(channels, np.int32)
        return self._constant(operator.Inputs(2), np.int32).copy()

    def _scales(self, operator: Any, channels: int) -> NDArray[np.float64]:
        """As TFLite computes them: float32 scales, multiplied in double."""
        weight = self._graph.Tensors(operator.Inputs(1)).Quantization().ScaleAsNumpy()
        source, result = self._scale(operator.Inputs(0)), self._scale(operator.Outputs(0))
        each = np.broadcast_to(np.asarray(weight, np.float64), (channels,))
        scales: NDArray[np.float64] = source * each / result
        return scales

    def _clamp(self, activation: int, tensor: int) -> tuple[int, int]:
        kinds = self._tflite.ActivationFunctionType
        zero, scale = self._zero(tensor), self._scale(tensor)
        if activation == kinds.NONE:
            return -128, 127
        if activation == kinds.RELU:
            return max(-128, zero), 127
        if activation == kinds.RELU6:
            return max(-128, zero), min(127, zero + round(6.0 / scale))
        raise self._odd("a layer has an activation other than ReLU and ReLU6")

    def _shape(self, tensor: int) -> NDArray[np.int32]:
        shape: NDArray[np.int32] = self._graph.Tensors(tensor).ShapeAsNumpy()
        if len(shape) != 4:
            raise self._odd(f"a tensor has {len(shape)} dimensions, not 4")
        return shape

    def _scale(self, tensor: int) -> float:
        return float(self._graph.Tensors(tensor).Quantization().Scale(0))

    def _zero(self, tensor: int) -> int:
        if self._graph.Tensors(tensor).Type() != self._tflite.TensorType.INT8:
            raise self._odd("an activation is not int8")
        return int(self._graph.Tensors(tensor).Quantization().ZeroPoint(0))

    def _constant(self, tensor: int, dtype: Any) -> NDArray[Any]:
        buffer = self._model.Buffers(self._graph.Tensors(tensor).Buffer())
        if buffer.DataLength() == 0:
            raise self._odd("a weight, bias or padding is computed at run time")
        return np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype)
