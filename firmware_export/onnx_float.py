"""Checkpoint to float ONNX: the reference every int8 artefact is compared with.

Waveform in, arousal/dominance/valence out, dynamic batch and length, batch norm folded.
Intermediate tensors that calibration knows carry their torch module path as their name,
so that quantisation finds its ranges by name and a viewer shows where it is.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import onnx
import onnxsim
import torch
from onnx import ModelProto, NodeProto, TensorProto

from edge_ser import __version__
from edge_ser.errors import GateFailed
from edge_ser.students.blocks import (
    HardSigmoid,
    HardSwish,
    Means,
    Residual,
    SqueezeExcite,
)
from edge_ser.students.student import QuantisationPoint, Student
from edge_ser.students.wav2small import MaxPool

OPSET = 18
INPUT_NAME = "audio"
OUTPUT_NAME = "arousal_dominance_valence"

_EXAMPLE_SAMPLES = 16_000


def convert(student: Student, out: Path, metadata: dict[str, str]) -> None:
    """Write `out`: audio (batch, samples) float32, 16 kHz -> (batch, 3) float32.

    Args:
        student: weights to export.
        out: `.onnx` file.
        metadata: written into the file's `metadata_props`.

    Raises:
        GateFailed: the simplified graph does not compute what the exported one does.
    """
    model, same = onnxsim.simplify(_export(student.eval()))
    if not same:
        raise GateFailed("onnxsim changed the values of the float ONNX graph")
    _name_after_modules(model, student)
    _average_in_double(model)
    write(model, out, metadata)


def write(model: ModelProto, out: Path, metadata: dict[str, str]) -> None:
    """Save without what nobody reads, and with `metadata`.

    Shape annotations, node names and exporter traces can outweigh the weights of a network
    this small; any loader infers shapes again.
    """
    graph = model.graph
    del model.metadata_props[:]
    del graph.value_info[:]
    del graph.metadata_props[:]
    model.ClearField("functions")
    model.ClearField("doc_string")
    graph.ClearField("doc_string")
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        del node.metadata_props[:]
    graph.name = "edge-ser"
    model.producer_name, model.producer_version = "edge-ser", __version__
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
    onnx.checker.check_model(model, full_check=True)
    out.write_bytes(model.SerializeToString(deterministic=True))


def rename(model: ModelProto, name_of: Callable[[str], str]) -> None:
    """Give every tensor of the graph the name `name_of(old)`; inputs and outputs keep theirs."""
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}
    new = {name: name if name in kept or not name else name_of(name) for name in _names(model)}
    if len(set(new.values())) != len(new):
        raise ValueError("two tensors of the graph would get the same name")
    for node in model.graph.node:
        node.input[:] = [new[name] for name in node.input]
        node.output[:] = [new[name] for name in node.output]
    for tensor in model.graph.initializer:
        tensor.name = new[tensor.name]


def _names(model: ModelProto) -> set[str]:
    names = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        names.update(node.input, node.output)
    return names


def _export(student: Student) -> ModelProto:
    dynamic = {"audio": {0: torch.export.Dim("batch"), 1: torch.export.Dim("samples", min=64)}}
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    # The exporter logs each optional package that is absent; none of them matters here.
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                student,
                (torch.zeros(2, _EXAMPLE_SAMPLES),),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=dynamic,
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                external_data=False,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    if program is None:
        raise GateFailed("torch.onnx.export returned no program")
    model: ModelProto = program.model_proto
    return model


_MODULES: dict[str, type[QuantisationPoint]] = {
    "MaxPool": MaxPool,
    "Add": Residual,
    "HardSwish": HardSwish,
    "ReduceMean": Means,
    "HardSigmoid": HardSigmoid,
    "Mul": SqueezeExcite,
}
"""Operator of the backbone -> the module whose output it makes; convolutions tell theirs."""


def _name_after_modules(model: ModelProto, student: Student) -> None:
    """Rename the outputs of the front-end, of all quantisation points and projections.

    The exporter writes nodes in the order of execution, which is the order of the modules.
    """
    consumers = consumers_of(model)
    nodes = backbone_nodes(model)
    paths = {nodes[0].input[0]: "frontend"}
    for node in nodes:
        path = conv_path(node)
        if path is None:
            continue
        output = node.output[0]
        if path.endswith(".conv"):
            path = path.removesuffix(".conv")
            readers = consumers[output]
            if [reader.op_type for reader in readers] == ["Relu"]:
                paths[output], output = f"{path}.norm", readers[0].output[0]
        paths[output] = path
    for operator, kind in _MODULES.items():
        modules = [path for path, module in student.named_modules() if isinstance(module, kind)]
        made = [node.output[0] for node in nodes if node.op_type == operator]
        paths.update(zip(made, modules, strict=True))
    rename(model, lambda name: paths.get(name, name))


def backbone_nodes(model: ModelProto) -> list[NodeProto]:
    """The nodes from the first to the last convolution of the backbone."""
    nodes = list(model.graph.node)
    places = [index for index, node in enumerate(nodes) if conv_path(node) is not None]
    return nodes[places[0] : places[-1] + 1]


def _average_in_double(model: ModelProto) -> None:
    """Let the level normaliser's two means accumulate in float64.

    ONNX Runtime sums a float32 row naively: over 60 s the variance is off by 1e-4 of itself
    and the output by 2e-5. Torch sums pairwise.
    """
    graph = model.graph
    backbone = {name for node in backbone_nodes(model) for name in node.output}
    nodes = []
    for node in graph.node:
        if node.op_type != "ReduceMean" or node.output[0] in backbone:
            nodes.append(node)
            continue
        source, result = node.input[0], node.output[0]
        node.input[0], node.output[0] = f"{source}.double", f"{result}.double"
        nodes += [
            onnx.helper.make_node("Cast", [source], [node.input[0]], to=TensorProto.DOUBLE),
            node,
            onnx.helper.make_node("Cast", [node.output[0]], [result], to=TensorProto.FLOAT),
        ]
    del graph.node[:]
    graph.node.extend(nodes)


def conv_path(node: NodeProto) -> str | None:
    """Torch module path of a backbone convolution, None for every other node."""
    if node.op_type != "Conv" or not node.input[1].startswith("backbone."):
        return None
    return node.input[1].removesuffix(".weight")


def consumers_of(model: ModelProto) -> dict[str, list[NodeProto]]:
    """Tensor name -> the nodes that read it."""
    consumers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    return consumers
