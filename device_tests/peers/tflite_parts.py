"""A backbone as a peer wants it: one output, and all that TFLite's own converter would write.

Bakenn takes models with one output only and insists on operator versions and bias scales that
LiteRT never reads. Neither changes what is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_export import tflite_file
from firmware_export.tflite_file import schema

_INT8_VERSIONS = {
    schema.BuiltinOperator.CONV_2D: 3,
    schema.BuiltinOperator.MAX_POOL_2D: 2,
    schema.BuiltinOperator.PAD: 2,
}
"""First versions with int8 kernels."""


def chain_parts(content: bytes) -> list[bytes]:
    """The model as one file for each output.

    The first holds every layer up to its output; each further one begins where it leaves the
    layers before it, so that running all parts does each layer's work once.
    """
    count = len(tflite_file.parse(content).subgraphs[0].outputs)
    return [_part(content, index) for index in range(count)]


def input_name(content: bytes) -> str:
    """Name of a file's only input."""
    graph = tflite_file.parse(content).subgraphs[0]
    return tflite_file.text(graph.tensors[graph.inputs[0]].name)


def _part(content: bytes, index: int) -> bytes:
    model = tflite_file.parse(content)
    graph = model.subgraphs[0]
    makers = {node.outputs[0]: node for node in graph.operators}
    shared = _ancestors(makers, graph.outputs[0]) if index else set()
    kept = [tensor for tensor in _ancestors(makers, graph.outputs[index]) if tensor not in shared]
    graph.operators = [node for node in graph.operators if node.outputs[0] in kept]
    graph.inputs = [graph.operators[0].inputs[0]]
    graph.outputs = [graph.outputs[index]]
    model.signatureDefs = []
    _drop_unused_tensors(graph)
    _drop_unused_codes(model)
    _as_tflite_converts(model)
    tflite_file.drop_unused_buffers(model)
    return tflite_file.serialise(model)


def _ancestors(makers: dict[int, Any], tensor: int) -> set[int]:
    """The tensor and what it is made from, layer by layer."""
    found = set()
    while tensor in makers:
        found.add(tensor)
        tensor = makers[tensor].inputs[0]
    return found


def _drop_unused_tensors(graph: Any) -> None:
    used = sorted({i for node in graph.operators for i in (*node.inputs, *node.outputs)})
    renumbered = {old: new for new, old in enumerate(used)}
    graph.tensors = [graph.tensors[old] for old in used]
    for holder in (graph, *graph.operators):
        holder.inputs = [renumbered[index] for index in holder.inputs]
        holder.outputs = [renumbered[index] for index in holder.outputs]


def _drop_unused_codes(model: Any) -> None:
    nodes = model.subgraphs[0].operators
    used = sorted({node.opcodeIndex for node in nodes})
    model.operatorCodes = [model.operatorCodes[old] for old in used]
    for node in nodes:
        node.opcodeIndex = used.index(node.opcodeIndex)


def _as_tflite_converts(model: Any) -> None:
    for code in model.operatorCodes:
        code.version = _INT8_VERSIONS[code.builtinCode]
    graph = model.subgraphs[0]
    for node in graph.operators:
        if len(node.inputs) == 3:
            source, weight, bias = (graph.tensors[index].quantization for index in node.inputs)
            weights = np.asarray(weight.scale, np.float32)
            bias.scale = np.float32(source.scale[0]) * weights
