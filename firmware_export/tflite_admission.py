"""Which TFLite files may go to a microcontroller or an NPU; the rest are refused by name.

The costly one is the weight-only file: int8 weights that a DEQUANTIZE turns into floats at run
time. TFLite-Micro loads and runs it, and returns garbage without a word. Does not look at
shapes or memory.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from edge_ser.errors import InputError
from firmware_export import tflite_file
from firmware_export.tflite_file import schema

_STATIC = "export a static int8 backbone (int8 activations too): edge-ser export"
_INT8 = schema.TensorType.INT8
_INTEGERS = (schema.TensorType.INT4, _INT8, schema.TensorType.UINT8, schema.TensorType.INT16)


def admit(path: Path, operators: Collection[str], destination: str) -> Any:
    """Read a file and check it with `require_int8`.

    Returns:
        Its object tree.

    Raises:
        InputError: not a TFLite file, or one that `destination` cannot run.
    """
    model = tflite_file.load(path)
    require_int8(model, path.name, operators, destination)
    return model


def require_int8(model: Any, name: str, operators: Collection[str], destination: str) -> None:
    """Refuse all but fully int8 models of known operators.

    Args:
        model: object tree.
        name: of the file, for messages.
        operators: builtin operators that the destination has.
        destination: for messages, e.g. "TFLite-Micro".

    Raises:
        InputError: weights without int8 activations, an operator that is not in `operators`,
            or a float activation; the message names tensors and operators.
    """
    _refuse_weight_only(model, name, destination)
    _refuse_hybrid(model, name, destination)
    _refuse_operators(model, name, operators, destination)
    _refuse_float(model, name, destination)


def _refuse_weight_only(model: Any, name: str, destination: str) -> None:
    weights = [
        tflite_file.text(_tensor(model, node.inputs[0]).name)
        for node, operator in _nodes(model)
        if operator == "DEQUANTIZE" and _is_constant(model, node.inputs[0])
    ]
    if weights:
        raise InputError(
            f"{name} is a weight-only model: {_some(weights)} become floats at run time "
            f"(DEQUANTIZE), and {destination} would run it and silently return garbage",
            _STATIC,
        )


def _refuse_hybrid(model: Any, name: str, destination: str) -> None:
    """Dynamic-range models: integer weights right beside float activations."""
    mixed = [
        f"{operator} with {tflite_file.text(_tensor(model, node.inputs[1]).name)}"
        for node, operator in _nodes(model)
        if len(node.inputs) > 1
        and _tensor(model, node.inputs[0]).type == schema.TensorType.FLOAT32
        and _tensor(model, node.inputs[1]).type in _INTEGERS
        and _is_constant(model, node.inputs[1])
    ]
    if mixed:
        raise InputError(
            f"{name} has integer weights on float activations ({_some(mixed)}), and "
            f"{destination} has no such kernel",
            _STATIC,
        )


def _refuse_operators(model: Any, name: str, operators: Collection[str], destination: str) -> None:
    unknown = sorted({operator for _, operator in _nodes(model)} - set(operators))
    if unknown:
        raise InputError(
            f"{destination} has no {', '.join(unknown)}, which {name} uses",
            f"it takes {', '.join(sorted(operators))}; run this model with LiteRT on a "
            "Linux or Android device",
        )


def _refuse_float(model: Any, name: str, destination: str) -> None:
    activations = {index for node, _ in _nodes(model) for index in (node.inputs[0], *node.outputs)}
    wrong = [
        tflite_file.text(_tensor(model, index).name)
        for index in sorted(activations)
        if _tensor(model, index).type != _INT8
    ]
    if wrong:
        raise InputError(
            f"{name} holds activations that are not int8 ({_some(wrong)}); {destination} is "
            "meant for fully int8 models here",
            _STATIC,
        )


def _nodes(model: Any) -> list[tuple[Any, str]]:
    graph = model.subgraphs[0]
    return list(zip(graph.operators, tflite_file.operator_names(model), strict=True))


def _tensor(model: Any, index: int) -> Any:
    return model.subgraphs[0].tensors[index]


def _is_constant(model: Any, index: int) -> bool:
    data = model.buffers[_tensor(model, index).buffer].data
    return data is not None and len(data) > 0


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
