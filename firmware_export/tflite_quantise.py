"""Static int8 for the convolutional part of a float TFLite model, with calibrated ranges.

Feeds ai-edge-quantizer with the calibration cache's ranges instead of running its own
calibrator, so that ONNX and TFLite share them (and its moving averages cannot clip).
Weights: symmetric per output channel. Activations: one asymmetric int8 code per tensor.
Does not choose ranges.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from calibration.observe import observed_modules
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.students.student import Student
from firmware_export import tflite_file

OPERATORS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "PAD",
    "MAX_POOL_2D",
    "ADD",
    "MUL",
    "MEAN",
    "HARD_SWISH",
)
"""What runs in int8 inside the backbone."""

_SCOPE = "backbone."

_SAME_CODE = ("PAD", "MAX_POOL_2D")
"""Their output keeps its input's code. Padding adds zeros, which every code holds exactly, and the
maxima of all windows are the maxima of their input (it has passed a ReLU)."""

_RELU6 = tflite_file.schema.ActivationFunctionType.RELU6


def module_paths(student: Student) -> list[str]:
    """Paths of the torch modules whose outputs are quantised."""
    return [path for path in observed_modules(student) if path.startswith(_SCOPE)]


def check_ranges(student: Student, ranges: dict[str, tuple[float, float]]) -> None:
    """Refuse early, before the slow conversion.

    Raises:
        InputError: a range that `quantise` will need is missing.
    """
    missing = sorted({"frontend", *module_paths(student)} - set(ranges))
    if missing:
        raise InputError(
            f"the calibration cache has no range of {', '.join(missing)}",
            "it is of another network; compute it anew: edge-ser export --calibration-audio DIR",
        )


def quantise(model: Any, ranges: dict[str, tuple[float, float]], whole_model: bool) -> Any:
    """Quantise the backbone of a model.

    Args:
        model: float, tensors named by `tflite_float.name_tensors`.
        ranges: the calibration cache's, torch module path -> (smallest, largest); see
            `check_ranges`.
        whole_model: True makes the model's inputs and outputs int8; False leaves them
            float, with QUANTIZE and DEQUANTIZE at the backbone's border.

    Returns:
        The quantised model's object tree.

    Raises:
        EnvironmentMissing: the quantiser is not installed.
    """
    qtyping, quantizer = _converter()
    statistics = _statistics(model, ranges)
    worker = quantizer.Quantizer(tflite_file.serialise(model))
    scopes = dict.fromkeys(OPERATORS, f"^{_SCOPE}")
    if whole_model:
        scopes |= {"INPUT": ".*", "OUTPUT": ".*"}
    for operator, scope in scopes.items():
        worker.add_static_config(
            regex=scope,
            operation_name=qtyping.TFLOperationName(operator),
            activation_num_bits=8,
            weight_num_bits=8,
        )
    result = worker.quantize(statistics, enable_progress_report=False)
    return tflite_file.parse(bytes(result.quantized_model))


def with_int8_weights(model: Any) -> Any:
    """Int8 weights, symmetric per output channel, under float activations.

    For students whose activations do not survive int8. Not for microcontrollers: see
    `firmware_export.tflite_admission`.

    Args:
        model: float, tensors named by `tflite_float.name_tensors`.

    Raises:
        EnvironmentMissing: the quantiser is not installed.
    """
    qtyping, quantizer = _converter()
    worker = quantizer.Quantizer(tflite_file.serialise(model))
    for operator in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        worker.add_weight_only_config(
            regex=f"^{_SCOPE}",
            operation_name=qtyping.TFLOperationName(operator),
            num_bits=8,
        )
    result = worker.quantize(enable_progress_report=False)
    return tflite_file.parse(bytes(result.quantized_model))


def _converter() -> tuple[Any, Any]:
    try:
        from ai_edge_quantizer import qtyping, quantizer
    except ImportError as error:
        raise EnvironmentMissing(
            f"TFLite export needs ai-edge-quantizer: {error}", "pip install 'edge-ser[export]'"
        ) from error
    return qtyping, quantizer


def _statistics(model: Any, ranges: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """What the quantiser's calibrator would have returned: extremes of each activation.

    Weights are absent: the quantiser takes their extremes from the weights themselves.
    """
    return {
        tensor.name: {edge: np.full((1,) * len(tensor.shape), value) for edge, value in extremes}
        for tensor, extremes in _extremes(model, ranges)
    }


def _extremes(
    model: Any, ranges: dict[str, tuple[float, float]]
) -> Iterator[tuple[Any, tuple[tuple[str, float], tuple[str, float]]]]:
    """Each activation of the backbone with its smallest and largest value."""
    graph = model.subgraphs[0]
    found: dict[int, tuple[float, float]] = {}
    for node, operator in zip(graph.operators, tflite_file.operator_names(model), strict=True):
        source, result = node.inputs[0], node.outputs[0]
        name = graph.tensors[result].name
        if operator not in OPERATORS or not name.startswith(_SCOPE):
            continue
        found = found or {source: ranges["frontend"]}
        if operator in _SAME_CODE:
            found[result] = found[source]
        elif getattr(node.builtinOptions, "fusedActivationFunction", None) == _RELU6:
            found[result] = (0.0, 6.0)  # a hard-sigmoid begins in the convolution before it
        else:
            found[result] = ranges[name]
    for index, (low, high) in found.items():
        yield graph.tensors[index], (("min", low), ("max", high))
