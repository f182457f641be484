"""Weights that the C engine's kernels cannot multiply are refused when its sources are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_ser.errors import InputError
from firmware_export import tflite_file
from firmware_export.c_engine.graph import read_graph
from firmware_export.targets import BACKBONE_TFLITE


def test_a_weight_below_the_specification_is_refused(exported_bundle: Path) -> None:
    content = (exported_bundle / BACKBONE_TFLITE).read_bytes()
    first = read_graph(content).trunk[0].weights
    assert first is not None and first.min() >= -127
    model = tflite_file.parse(content)
    operator = model.subgraphs[0].operators[0]
    tensor = model.subgraphs[0].tensors[operator.inputs[1]]
    model.buffers[tensor.buffer].data = np.full(first.size, -128, np.int8).view(np.uint8)
    with pytest.raises(InputError, match="a weight is -128"):
        read_graph(tflite_file.serialise(model))
