"""Float ONNX to static int8: QDQ around the backbone's layers, all else stays float.

Students whose activations do not survive int8 get int8 weights only (`onnx_weights`).

Activations uint8 per tensor, weights int8 per output channel: the pair for which ONNX
Runtime has its fastest x86 kernels. Front-end, softmax over time, pooling and head stay
float because they were measured to break in int8: docs/CALIBRATION.md.
Ranges come from the calibration cache alone; nothing is observed here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from calibration.cache import CalibrationCache
from edge_ser.errors import InputError
from edge_ser.students.student import Student
from firmware_export.onnx_float import backbone_nodes, consumers_of, conv_path, rename, write
from firmware_export.onnx_weights import with_int8_weights

_SHORT = (
    ("_QuantizeLinear_Output", "/q"),
    ("_DequantizeLinear_Output", "/f"),
    ("_quantized", "/i"),
    ("_zero_point", "/z"),
    ("_scale", "/s"),
    ("backbone.trunk.", ""),
    ("backbone.projections.", ""),
    (".conv.weight", ".w"),
    (".weight", ".w"),
    (".w_bias", ".b"),
    (".bias", ".b"),
)
"""Names are a tenth of an int8 file of this size; these stay readable in a graph viewer."""


_POINTS = ("MaxPool", "Add", "HardSwish", "ReduceMean", "HardSigmoid", "Mul")
"""Int8 beside the convolutions: what MobileNets are made of. ONNX Runtime has no int8 kernel for
some; a code on either side of them costs little and is measured (docs/STUDENTS.md)."""


def convert(
    float_onnx: Path,
    student: Student,
    cache: CalibrationCache,
    out: Path,
    metadata: dict[str, str],
) -> None:
    """Write `out`, with the inputs and outputs of `float_onnx`.

    Args:
        float_onnx: as written by `firmware_export.onnx_float.convert`.
        student: the network it came from.
        cache: ranges by module path.
        out: `.onnx` file.
        metadata: written into the file's `metadata_props`.

    Raises:
        InputError: the cache lacks a tensor, or was made for another front-end.
    """
    cache.check(cache.checkpoint_sha256, student.config.frontend)
    model = onnx.load(float_onnx)
    _fold_padding_into_pool(model)
    if student.int8_activations:
        quantised = _quantise(model, cache.ranges)
    else:
        quantised = with_int8_weights(model)
    _share_equal_initializers(quantised)
    rename(quantised, _short_name)
    write(quantised, out, metadata)


def _fold_padding_into_pool(model: ModelProto) -> None:
    """Pad(0) + MaxPool -> MaxPool with pads: equal after a ReLU, and stays int8 in between."""
    graph = model.graph
    consumers = consumers_of(model)
    for node in list(graph.node):
        readers = consumers.get(node.output[0], [])
        if node.op_type != "Pad" or [reader.op_type for reader in readers] != ["MaxPool"]:
            continue
        (pool,) = readers
        pool.input[0] = node.input[0]
        for attribute in list(pool.attribute):
            if attribute.name in ("pads", "auto_pad"):
                pool.attribute.remove(attribute)
        pool.attribute.append(onnx.helper.make_attribute("pads", [1, 1, 1, 1]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def _quantise(model: ModelProto, ranges: dict[str, tuple[float, float]]) -> ModelProto:
    nodes, tensors = _quantised_part(model, ranges)
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, tensors),
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=["Conv", "Relu", *_POINTS],
        extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantised: ModelProto = quantizer.model.model
    return quantised


def _quantised_part(
    model: ModelProto, ranges: dict[str, tuple[float, float]]
) -> tuple[list[str], dict[str, tuple[np.float32, np.float32]]]:
    """Names of the nodes that become int8, and the range of each tensor between them."""
    consumers = consumers_of(model)
    nodes: list[str] = []
    tensors: dict[str, tuple[np.float32, np.float32]] = {}

    def add_range(tensor: str, path: str) -> None:
        if path not in ranges:
            raise InputError(
                f"the calibration cache has no range for {path}",
                "compute it again: edge-ser export --calibration-audio DIR",
            )
        low, high = ranges[path]
        tensors[tensor] = (np.float32(low), np.float32(high))

    backbone = backbone_nodes(model)
    add_range("frontend", "frontend")
    for index, node in enumerate(backbone):
        path = conv_path(node)
        if path is None and node.op_type not in _POINTS:
            continue
        chain = [node]
        if path is not None and path.endswith(".conv"):
            chain += [reader for reader in consumers[node.output[0]] if reader.op_type == "Relu"]
        target = chain[-1].output[0]
        for offset, member in enumerate(chain):
            member.name = f"{index}.{offset}"
            nodes.append(member.name)
            # The pool's own output takes its input's code: a maximum needs no new scale.
            add_range(member.output[0], target)
    return nodes, tensors


def _share_equal_initializers(model: ModelProto) -> None:
    """Keep one copy of each constant (the zero points are mostly equal)."""
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    replaced: dict[str, str] = {}
    for tensor in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        key = (tensor.data_type, tuple(tensor.dims), values.tobytes())
        kept = first.setdefault(key, tensor.name)
        if kept != tensor.name:
            replaced[tensor.name] = kept
            model.graph.initializer.remove(tensor)
    for node in model.graph.node:
        node.input[:] = [replaced.get(name, name) for name in node.input]


def _short_name(name: str) -> str:
    for long, short in _SHORT:
        name = name.replace(long, short)
    return name
