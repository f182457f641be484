"""The int8 backbone as an ONNX file of its own, cut out of `model.int8.onnx`.

log-mel float32 [1, 1, T, n_mels] -> values, scores float32 [1, C, T', F], any T. Nothing is
quantised anew: codes, weights and scales are those of the whole model. The outputs are what their
int8 codes stand for.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, helper

from edge_ser.students.student import Student
from firmware_export.onnx_float import rename, write

INPUT_NAME = "log_mel"
OUTPUT_NAMES = ("values", "scores")

_FRONTEND = "frontend"
_CUT = {_FRONTEND: INPUT_NAME, "values/f": "values", "scores/f": "scores"}
"""Where the whole model is cut, and what the ends are called."""


def convert(int8_onnx: Path, student: Student, out: Path, metadata: dict[str, str]) -> None:
    """Write `out`; the same inputs give the same bytes.

    Args:
        int8_onnx: as written by `firmware_export.onnx_int8.convert`.
        student: the network it came from.
        out: `.onnx` file.
        metadata: written into the file's `metadata_props`.
    """
    model = onnx.load(int8_onnx)
    _keep_between(model, set(_CUT) - {_FRONTEND})
    # The names of the ends are taken by what the convolutions give, before it is quantised.
    rename(model, lambda name: f"{name}/c" if name in OUTPUT_NAMES else name)
    rename(model, lambda name: _CUT.get(name, name))
    values, scores = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, output_shape(student))
        for name in OUTPUT_NAMES
    )
    model.graph.output.extend([values, scores])
    shape: tuple[int | str, ...] = (1, 1, "frames", student.config.frontend.n_mels)
    model.graph.input.append(helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, shape))
    write(model, out, metadata)


def output_shape(student: Student) -> tuple[int | str, ...]:
    """Of values and scores."""
    return 1, student.shape.channels, "frames_out", student.shape.bands


def _keep_between(model: ModelProto, ends: set[str]) -> None:
    """Leave the nodes and constants from the front-end's output to `ends`; no input, no output."""
    makers = {name: node for node in model.graph.node for name in node.output}
    wanted, needed = list(ends), set[str]()
    while wanted:
        name = wanted.pop()
        if name not in needed:
            needed.add(name)
            wanted += [] if name == _FRONTEND or name not in makers else makers[name].input
    nodes = [node for node in model.graph.node if needed & set(node.output) - {_FRONTEND}]
    constants = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    for field in ("node", "initializer", "input", "output", "value_info"):
        model.graph.ClearField(field)
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
