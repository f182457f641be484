"""Int8 weights under float activations, for students whose activations do not survive int8.

Each weight of the backbone's convolutions is stored as int8, symmetric per output channel, with a
DequantizeLinear in front of its convolution. A file a quarter as large as the float one that
computes what the float one does with rounded weights; no faster.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from firmware_export.onnx_float import backbone_nodes, conv_path

_LARGEST = 127


def with_int8_weights(model: ModelProto) -> ModelProto:
    """The model, changed in place, with int8 weights in its backbone."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    decoders = []
    for node in backbone_nodes(model):
        if conv_path(node) is None:
            continue
        name = node.input[1]
        weight = numpy_helper.to_array(constants[name])
        largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
        scale = (np.where(largest > 0, largest, 1.0) / _LARGEST).astype(np.float32)
        codes = np.rint(weight / scale.reshape(-1, 1, 1, 1)).astype(np.int8)
        constants[name].CopyFrom(numpy_helper.from_array(codes, name))
        model.graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        node.input[1] = f"{name}/f"
        decode = [name, f"{name}_scale"]
        decoders.append(helper.make_node("DequantizeLinear", decode, [node.input[1]], axis=0))
    for decoder in reversed(decoders):
        model.graph.node.insert(0, decoder)
    return model
