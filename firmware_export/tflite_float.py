"""Torch module -> float TFLite, its tensors named after the torch modules that make them.

litert-torch writes each tensor's torch module path into its name, in a long form; here it
becomes the short path that the calibration cache uses as its key. Does not quantise.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from edge_ser.errors import EnvironmentMissing
from firmware_export import tflite_file


def convert(module: nn.Module, example: Tensor) -> Any:
    """The float model as an object tree, tensor names as litert-torch gives them.

    Args:
        module: in evaluation mode; batch norms are folded by the converter.
        example: input of the shape to convert for.

    Raises:
        EnvironmentMissing: the converter is not installed.
    """
    os.environ.setdefault("LITERT_TORCH_SHOW_PROGRESS", "n")
    with warnings.catch_warnings(), torch.no_grad(), _quiet_stderr():
        warnings.simplefilter("ignore")
        try:
            import litert_torch
        except ImportError as error:
            raise EnvironmentMissing(
                f"TFLite export needs litert-torch: {error}", "pip install 'edge-ser[export]'"
            ) from error
        content = litert_torch.convert(module.eval(), (example,)).model_content()
    return tflite_file.parse(content)


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """torchao warns of libraries it does not need, the converter's C++ half of its own doings.

    Both write to file descriptor 2 whatever we ask; failures come as exceptions.
    """
    saved = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(silence)


def name_tensors(model: Any, module_paths: Collection[str]) -> None:
    """Give all tensors short names, those of the wanted modules' outputs the module's path.

    Convolution, batch norm and ReLU of a block become one operator; of its operators the
    last makes the block's output. Its weights are called like it plus ".weight" or ".bias",
    what it reads plus ".input", unless that is another wanted output.

    Args:
        model: from `convert`.
        module_paths: e.g. "backbone.trunk.before.0".

    Raises:
        EnvironmentMissing: a module cannot be found, so this litert-torch names tensors
            in a way that is not understood.
    """
    graph = model.subgraphs[0]
    makers = {}
    for node in graph.operators:
        # A weight is always named after its module; a result may be named after the model's
        # interface instead.
        named = node.inputs[1] if len(node.inputs) == 3 else node.outputs[0]
        path = _owner(_module_path(graph.tensors[named].name), module_paths)
        if path:
            makers[path] = node
    missing = sorted(set(module_paths) - set(makers))
    if missing:
        raise EnvironmentMissing(
            f"litert-torch left no tensor named after {', '.join(missing)}",
            "install the tested converters: pip install -c constraints.txt 'edge-ser[export]'",
        )
    names = {}
    for path, node in makers.items():
        roles = [".input", ".weight", ".bias"] if len(node.inputs) == 3 else [".input"]
        for role, index in zip(roles, node.inputs, strict=False):
            names[index] = path + role
    names.update({node.outputs[0]: path for path, node in makers.items()})
    for index, tensor in enumerate(graph.tensors):
        tensor.name = names.get(index, f"t{index}")


def name_interface(model: Any, inputs: list[str], outputs: list[str]) -> None:
    """Public names of what goes in and out, in the file's own order."""
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    for indices, entries, names in (
        (graph.inputs, signature.inputs, inputs),
        (graph.outputs, signature.outputs, outputs),
    ):
        for index, name in zip(indices, names, strict=True):
            graph.tensors[index].name = name
        by_index = dict(zip(indices, names, strict=True))
        for entry in entries:
            entry.name = by_index[entry.tensorIndex]


def _owner(path: str, module_paths: Collection[str]) -> str:
    owners = [known for known in module_paths if f"{path}.".startswith(f"{known}.")]
    return max(owners, key=len, default="")


def _module_path(name: bytes) -> str:
    """Torch module path out of a tensor's name.

    "pkg.Outer/pkg.Trunk_trunk/torch.nn.Sequential_before/pkg.ConvBlock_2;;other/..." ->
    "trunk.before.2": the first of the names that were fused, without its root and classes.
    """
    first = tflite_file.text(name).split(";")[0]
    steps = [step.rpartition(".")[2].partition("_")[2] for step in first.split("/")[1:]]
    return ".".join(steps)
