"""An int8 TFLite network as an ONNX model in QDQ form, for ONNX Runtime.

The same codes, scales and weights; only the arithmetic between them is ONNX Runtime's. Inputs and
outputs are the codes themselves in ONNX's layout (1, channels, T, bands), int8 or, 128 higher,
uint8: which of the two is faster depends on the processor. Knows CONV_2D, PAD before a max-pool,
and MAX_POOL_2D.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge_ser.errors import InputError
from firmware_export import tflite_file
from firmware_export.tflite_file import schema

_OPSET, _IR_VERSION = 18, 9


def qdq_model(content: bytes, unsigned: bool) -> bytes:
    """Convert.

    Args:
        content: of the TFLite file.
        unsigned: uint8 activations instead of int8; weights are int8 either way.

    Raises:
        InputError: another operator.
    """
    return _Converter(tflite_file.parse(content), unsigned).model().SerializeToString()


class _Converter:
    """Walks the TFLite graph; tensor i becomes the float value `f<i>` and the codes `q<i>`."""

    def __init__(self, model: Any, unsigned: bool) -> None:
        self._unsigned = unsigned
        self._buffers = model.buffers
        self._graph = model.subgraphs[0]
        self._operators = tflite_file.operator_names(model)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._padded: dict[int, tuple[int, list[int]]] = {}
        """PAD's output -> its input and ONNX's pads: a max-pool has its own."""

    def model(self) -> onnx.ModelProto:
        (source,) = self._graph.inputs
        self._dequantise(source)
        for node, name in zip(self._graph.operators, self._operators, strict=True):
            self._convert(node, name)
        graph = helper.make_graph(
            self._nodes,
            "qdq",
            [self._interface(source)],
            [self._interface(index) for index in self._graph.outputs],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return model

    def _convert(self, node: Any, name: str) -> None:
        source, result = node.inputs[0], node.outputs[0]
        if name == "PAD":
            before, after = self._data(node.inputs[1], np.int32)[1:3].T.tolist()
            self._padded[result] = (source, [*before, *after])
        elif name == "MAX_POOL_2D":
            self._max_pool(node.builtinOptions, source, result)
        elif name == "CONV_2D":
            self._convolution(node, source, result)
        else:
            raise InputError(f"the QDQ converter has no {name}", "it has CONV_2D, PAD, MAX_POOL_2D")

    def _max_pool(self, options: Any, source: int, result: int) -> None:
        origin, pads = self._padded.get(source, (source, [0, 0, 0, 0]))
        self._node(
            "MaxPool",
            [f"f{origin}"],
            f"p{result}",
            kernel_shape=[options.filterHeight, options.filterWidth],
            strides=[options.strideH, options.strideW],
            pads=pads,
        )
        self._quantise(result, f"p{result}")

    def _convolution(self, node: Any, source: int, result: int) -> None:
        options = node.builtinOptions
        weights = self._data(node.inputs[1], np.int8).transpose(0, 3, 1, 2)
        scales = np.asarray(self._graph.tensors[node.inputs[1]].quantization.scale, np.float32)
        products = scales * np.float32(self._code(source)[0])
        kernel = weights.shape[2:]
        self._constant(f"w{result}", np.ascontiguousarray(weights), scales)
        self._constant(f"b{result}", self._data(node.inputs[2], np.int32), products)
        same = options.padding == schema.Padding.SAME
        self._node(
            "Conv",
            [f"f{source}", f"w{result}_f", f"b{result}_f"],
            f"c{result}",
            kernel_shape=list(kernel),
            strides=[options.strideH, options.strideW],
            pads=[size // 2 for size in (*kernel, *kernel)] if same else [0, 0, 0, 0],
        )
        made = f"c{result}"
        if options.fusedActivationFunction == schema.ActivationFunctionType.RELU:
            self._node("Relu", [made], f"r{result}")
            made = f"r{result}"
        self._quantise(result, made)

    def _constant(self, name: str, codes: NDArray[Any], scales: NDArray[np.float32]) -> None:
        """Codes with one scale per output channel, and their float value `<name>_f`."""
        zeros = np.zeros(len(scales), codes.dtype)
        inputs = [
            self._initialiser(name, codes),
            self._initialiser(f"{name}_scale", scales),
            self._initialiser(f"{name}_zero", zeros),
        ]
        self._node("DequantizeLinear", inputs, f"{name}_f", axis=0)

    def _quantise(self, tensor: int, made: str) -> None:
        self._node("QuantizeLinear", [made, *self._parameters(tensor)], f"q{tensor}")
        if tensor not in self._graph.outputs:
            self._dequantise(tensor)

    def _dequantise(self, tensor: int) -> None:
        self._node("DequantizeLinear", [f"q{tensor}", *self._parameters(tensor)], f"f{tensor}")

    def _parameters(self, tensor: int) -> list[str]:
        scale, zero_point = self._code(tensor)
        return [
            self._initialiser(f"s{tensor}", np.array(scale, np.float32)),
            self._initialiser(f"z{tensor}", self._activation_code(zero_point)),
        ]

    def _code(self, tensor: int) -> tuple[float, int]:
        code = self._graph.tensors[tensor].quantization
        return float(code.scale[0]), int(code.zeroPoint[0])

    def _activation_code(self, code: int) -> NDArray[Any]:
        return np.array(code + 128, np.uint8) if self._unsigned else np.array(code, np.int8)

    def _data(self, tensor: int, dtype: Any) -> NDArray[Any]:
        found = self._graph.tensors[tensor]
        data = bytes(bytearray(self._buffers[found.buffer].data))
        return np.frombuffer(data, dtype).reshape([int(size) for size in found.shape])

    def _initialiser(self, name: str, values: NDArray[Any]) -> str:
        self._constants[name] = numpy_helper.from_array(values, name)
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _interface(self, tensor: int) -> onnx.ValueInfoProto:
        batch, height, width, channels = (int(n) for n in self._graph.tensors[tensor].shape)
        shape = [batch, channels, height, width]
        kind = TensorProto.UINT8 if self._unsigned else TensorProto.INT8
        return helper.make_tensor_value_info(f"q{tensor}", kind, shape)
