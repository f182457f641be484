"""A depthwise convolution that reads one channel is a plain convolution: write it as one.

The converter lowers the first layer to DEPTHWISE_CONV_2D. As CONV_2D it computes the same
bits at the same speed, and a microcontroller needs one kernel fewer. Float models only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_export import tflite_file
from firmware_export.tflite_file import schema

_SHARED_OPTIONS = (
    "padding",
    "strideW",
    "strideH",
    "fusedActivationFunction",
    "dilationWFactor",
    "dilationHFactor",
)


def single_channel_depthwise_to_conv(model: Any) -> None:
    """Rewrite in place; other depthwise convolutions stay as they are."""
    graph = model.subgraphs[0]
    for node, operator in zip(graph.operators, tflite_file.operator_names(model), strict=True):
        if operator == "DEPTHWISE_CONV_2D" and graph.tensors[node.inputs[0]].shape[3] == 1:
            _transpose_weight(model, graph.tensors[node.inputs[1]])
            node.builtinOptions = _conv_options(node.builtinOptions)
            node.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
            node.opcodeIndex = _conv_code(model)
    _drop_unused_codes(model)


def _transpose_weight(model: Any, weight: Any) -> None:
    """(1, height, width, out) -> (out, height, width, 1)."""
    buffer = model.buffers[weight.buffer]
    values = np.frombuffer(bytes(bytearray(buffer.data)), np.float32).reshape(weight.shape)
    turned = np.ascontiguousarray(values.transpose(3, 1, 2, 0))
    buffer.data = turned.reshape(-1).view(np.uint8)
    weight.shape = list(turned.shape)


def _conv_options(depthwise: Any) -> Any:
    options = schema.Conv2DOptionsT()
    for name in _SHARED_OPTIONS:
        setattr(options, name, getattr(depthwise, name))
    return options


def _conv_code(model: Any) -> int:
    """Index of CONV_2D among the operator codes, added if there is none."""
    wanted = schema.BuiltinOperator.CONV_2D
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == wanted:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = wanted
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _drop_unused_codes(model: Any) -> None:
    nodes = [node for graph in model.subgraphs for node in graph.operators]
    used = sorted({node.opcodeIndex for node in nodes})
    renumbered = {old: new for new, old in enumerate(used)}
    model.operatorCodes = [model.operatorCodes[old] for old in used]
    for node in nodes:
        node.opcodeIndex = renumbered[node.opcodeIndex]
