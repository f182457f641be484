"""The int8 backbone as a TFLite file of its own, and the JSON that a host needs beside it.

log-mel int8 [1, T, 26, 1] -> values, scores int8 [1, T', F, C], any T (resize the input).
CONV_2D, one PAD and one MAX_POOL_2D, nothing else, so that TFLite-Micro, an NPU compiler
and a small C engine can take it. The front-end and the pooled head stay outside: a softmax
over time cannot be held in int8.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from calibration.cache import CalibrationCache
from edge_ser.students.student import Student
from firmware_export import tflite_file, tflite_float, tflite_quantise
from firmware_export.tflite_depthwise import single_channel_depthwise_to_conv

JSON_SCHEMA = 1

_EXAMPLE_FRAMES = 24
"""The file's own T; any other works, this one only has to exist."""


class ChannelsLast(nn.Module):
    """The backbone with TFLite's layout at its border, so that the file holds no transpose.

    (1, T, bands, 1) -> two (1, T', F, C).
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        values, scores = self.backbone(log_mel.permute(0, 3, 1, 2))
        return values.permute(0, 2, 3, 1), scores.permute(0, 2, 3, 1)


def convert(
    student: Student,
    cache: CalibrationCache,
    out_tflite: Path,
    out_json: Path,
    metadata: dict[str, str],
) -> None:
    """Write the backbone and its JSON; the same inputs give the same bytes.

    Args:
        student: in evaluation mode.
        cache: activation ranges of this student.
        out_tflite, out_json: files to write.
        metadata: goes into the TFLite file as JSON.

    Raises:
        InputError: the cache lacks a range of this network.
        EnvironmentMissing: the converters are not installed or not the tested ones.
    """
    tflite_quantise.check_ranges(student, cache.ranges)
    spec = student.config.frontend
    example = torch.zeros(1, _EXAMPLE_FRAMES, spec.n_mels, 1)
    model = tflite_float.convert(ChannelsLast(student.backbone), example)
    single_channel_depthwise_to_conv(model)
    tflite_float.name_tensors(model, tflite_quantise.module_paths(student))
    model = tflite_quantise.quantise(model, cache.ranges, whole_model=True)
    tflite_float.name_interface(model, ["log_mel"], ["values", "scores"])
    tflite_file.replace_metadata(model, metadata, "int8 log-mel to values and scores")
    tflite_file.drop_unused_buffers(model)
    out_tflite.write_bytes(tflite_file.serialise(model))
    description = describe(model, student)
    text = json.dumps(description, indent=1, sort_keys=True, allow_nan=False)
    out_json.write_text(text + "\n", encoding="utf-8")


def describe(model: Any, student: Student) -> dict[str, Any]:
    """What numpy or C needs to run the rest of the network around the quantised backbone.

    Args:
        model: the finished backbone's object tree.
        student: holds the head's float weights, which are in torch's order: features
            are the flattened (C, F), then x xT (C, C) for the second-order head.
    """
    tensors = {tflite_file.text(t.name): t for t in model.subgraphs[0].tensors}
    head = student.head
    spec = student.config.frontend
    return {
        "schema": JSON_SCHEMA,
        "input": _affine(tensors["log_mel"]),
        "values": _affine(tensors["values"]),
        "scores": _affine(tensors["scores"]),
        "layers": _layers(model),
        "head": {
            "second_order": head.second_order,
            "channels": int(tensors["values"].shape[3]),
            "bands": int(tensors["values"].shape[2]),
            "weight": _floats(head.out.weight.detach().numpy()),
            "bias": _floats(head.out.bias.detach().numpy()),
        },
        "frontend": spec.to_dict(),
        "time_stride": student.shape.time_stride,
        "receptive_radius": student.shape.receptive_radius,
    }


def _layers(model: Any) -> list[dict[str, Any]]:
    graph = model.subgraphs[0]
    layers = []
    for node, operator in zip(graph.operators, tflite_file.operator_names(model), strict=True):
        source, result = graph.tensors[node.inputs[0]], graph.tensors[node.outputs[0]]
        layer: dict[str, Any] = {
            "name": tflite_file.text(result.name),
            "operator": operator,
            "input": _affine(source),
            "output": _affine(result),
            "bands_in": int(source.shape[2]),
            "bands_out": int(result.shape[2]),
            "channels_in": int(source.shape[3]),
            "channels_out": int(result.shape[3]),
        }
        if len(node.inputs) == 3:
            weight = graph.tensors[node.inputs[1]]
            layer["weight_shape"] = [int(size) for size in weight.shape]
            layer["weight_scales"] = _floats(weight.quantization.scale)
        layers.append(layer)
    return layers


def _affine(tensor: Any) -> dict[str, Any]:
    code = tensor.quantization
    return {"scale": float(code.scale[0]), "zero_point": int(code.zeroPoint[0])}


def _floats(values: Any) -> Any:
    """Nested lists of doubles that equal the float32 values exactly."""
    return np.asarray(values, dtype=np.float32).astype(np.float64).tolist()
