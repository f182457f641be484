"""Static int8 for the convolutional part of a float TFLite model, with calibrated ranges.

Feeds ai-edge-quantizer with the calibration cache's ranges instead of running its own
calibrator, so that ONNX and TFLite share them (and its moving averages cannot clip).
Weights: symmetric per output channel. Activations: one asymmetric int8 code per tensor.
Does not choose ranges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.students.wav2small import Wav2Small
from firmware_export import tflite_file

OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "PAD", "MAX_POOL_2D")
"""What runs in int8 inside the backbone."""

_SCOPE = "backbone."
_FIRST = f"{_SCOPE}trunk.before.0"
_BEFORE_POOL = f"{_SCOPE}trunk.before.2"
_POOL = f"{_SCOPE}trunk.pool"


def module_paths(student: Wav2Small) -> list[str]:
    """Paths of the torch modules whose outputs are quantised."""
    trunk = student.backbone.trunk
    before = [f"{_SCOPE}trunk.before.{index}" for index in range(len(trunk.before))]
    after = [f"{_SCOPE}trunk.after.{index}" for index in range(len(trunk.after))]
    projections = [f"{_SCOPE}projections.{name}" for name in ("values", "scores")]
    return [*before, _POOL, *after, *projections]


def check_ranges(student: Wav2Small, ranges: dict[str, tuple[float, float]]) -> None:
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
    try:
        from ai_edge_quantizer import qtyping, quantizer
    except ImportError as error:
        raise EnvironmentMissing(
            f"TFLite export needs ai-edge-quantizer: {error}", "pip install 'edge-ser[export]'"
        ) from error
    statistics = _statistics(model, _tensor_ranges(ranges))
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


def _tensor_ranges(ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Ranges by tensor name: two tensors are nobody's output, and pooling cannot rescale.

    The first convolution reads the front-end. Padding adds zeros, which every code holds
    exactly, and the maxima of all windows are the maxima of their input (it has passed a
    ReLU), so padded and pooled activations share the code of the pool's input.
    """
    return ranges | {
        f"{_FIRST}.input": ranges["frontend"],
        f"{_POOL}.input": ranges[_BEFORE_POOL],
        _POOL: ranges[_BEFORE_POOL],
    }


def _statistics(model: Any, ranges: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """What the quantiser's calibrator would have returned: extremes of each activation.

    Weights are absent: the quantiser takes their extremes from the weights themselves.
    """
    graph = model.subgraphs[0]
    statistics = {}
    for node in graph.operators:
        for tensor in (graph.tensors[node.inputs[0]], graph.tensors[node.outputs[0]]):
            if tensor.name.startswith(_SCOPE):
                shape = (1,) * len(tensor.shape)
                low, high = ranges[tensor.name]
                statistics[tensor.name] = {"min": np.full(shape, low), "max": np.full(shape, high)}
    return statistics
