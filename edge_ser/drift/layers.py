"""What each int8 layer costs: signal to quantisation noise, and the drift it alone would cause.

Two questions per layer, answered on the two ONNX files of a bundle:

- *all int8*: how far the layer's activations in `model.int8.onnx` are from those of the float
  model, its own rounding and all that came before it;
- *only this layer int8*: the float model with this layer's weights and output rounded as the
  int8 file rounds them. Its effect on A/D/V tells which layer to spend bits on.

The int8 TFLite files use the same ranges and the same weights, so the ranking holds for them.
Needs onnx and ONNX Runtime; nothing here is needed to run a bundle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EnvironmentMissing, InputError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class LayerCost:
    """One layer.

    Attributes:
        layer: torch module path of the layer, "frontend" for the quantised input.
        all_int8_db: SQNR of its output when every layer is int8; None where exact.
        alone_db: SQNR of its output when it alone is int8; None where exact.
        alone_mae, alone_max: error of A/D/V when it alone is int8.
    """

    layer: str
    all_int8_db: float | None
    alone_db: float | None
    alone_mae: float
    alone_max: float


class _Code(NamedTuple):
    """How the int8 file rounds one layer."""

    float_tensor: str
    int8_tensor: str
    scale: NDArray[Any]
    zero_point: NDArray[Any]
    weight: NDArray[np.float32] | None


def layer_costs(
    float_onnx: Path, int8_onnx: Path, clips: Iterable[NDArray[np.float32]], threads: int = 1
) -> tuple[LayerCost, ...]:
    """Cost of each layer with int8 activations, in the order of the network.

    Args:
        float_onnx, int8_onnx: of one bundle.
        clips: each (samples,) float32, 16 kHz.
        threads: of the runtime.

    Raises:
        EnvironmentMissing: onnx or onnxruntime is not installed.
        InputError: the two files are not the float and the int8 form of one network.
    """
    onnx = _onnx()
    full, quantised = onnx.load(float_onnx), onnx.load(int8_onnx)
    codes = _codes(full, quantised)
    if not codes:
        return ()
    audio = [np.asarray(clip, np.float32)[None] for clip in clips]
    truth = _run(full, [code.float_tensor for code in codes], audio, threads)
    all_int8 = _run(quantised, [code.int8_tensor for code in codes], audio, threads)
    adv = truth[-1]
    found = []
    for index, code in enumerate(codes):
        output, moved = _run(_only(full, code), [code.float_tensor + _ROUNDED], audio, threads)
        errors = np.abs(np.array(moved) - np.array(adv))
        found.append(
            LayerCost(
                layer=code.float_tensor,
                all_int8_db=sqnr_db(truth[index], all_int8[index]),
                alone_db=sqnr_db(truth[index], output),
                alone_mae=float(errors.mean()),
                alone_max=float(errors.max()),
            )
        )
    return tuple(found)


def sqnr_db(signal: Iterable[NDArray[Any]], approximations: Iterable[NDArray[Any]]) -> float | None:
    """Energy of the signal over energy of the error, over all pairs together, in dB.

    Examples:
        >>> sqnr_db([np.array([1.0, -1.0])], [np.array([1.1, -1.1])])
        20.0
    """
    energy = noise = 0.0
    for truth, approximation in zip(signal, approximations, strict=True):
        exact = truth.astype(np.float64)
        energy += float(np.sum(exact**2))
        noise += float(np.sum((approximation.astype(np.float64) - exact) ** 2))
    if noise == 0 or energy == 0:
        return None
    return round(10 * math.log10(energy / noise), 6)


_ROUNDED = "/rounded"


def _onnx() -> Any:
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise EnvironmentMissing(
            f"layer costs need onnx and onnxruntime: {error}", "pip install 'edge-ser[export]'"
        ) from error
    return onnx


def _codes(full: ModelProto, quantised: ModelProto) -> list[_Code]:
    """The layers that the int8 file rounds; a max-pool keeps its input's code and adds no error."""
    producers = {name: node for node in quantised.graph.node for name in node.output}
    constants = _constants(quantised)
    float_names = {name for node in full.graph.node for name in node.output}
    codes = []
    for node in quantised.graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] in constants:
            continue
        producer = producers.get(node.input[0])
        if producer is None or producer.op_type == "MaxPool":
            continue
        weight = _dequantised_weight(producer, producers, constants)
        codes.append(
            _Code(
                float_tensor=_float_name(node.input[0], float_names),
                int8_tensor=_dequantised(quantised, node.output[0]),
                scale=constants[node.input[1]],
                zero_point=constants[node.input[2]],
                weight=weight,
            )
        )
    if not codes and not any(node.op_type == "DequantizeLinear" for node in quantised.graph.node):
        raise InputError("the int8 ONNX file has no quantised layer")
    return codes


_SHORTENED = ("", "backbone.trunk.", "backbone.projections.")
"""What the int8 file leaves out at the beginning of a name."""


def _float_name(name: str, float_names: set[str]) -> str:
    """The int8 file leaves out where in the backbone a module is."""
    found = sorted({f"{prefix}{name}" for prefix in _SHORTENED} & float_names)
    if len(found) != 1:
        raise InputError(
            f"tensor {name!r} of the int8 ONNX file has {len(found)} counterparts in the float one",
            "both files must come from one export",
        )
    return found[0]


def _dequantised(model: ModelProto, code: str) -> str:
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] == code:
            return str(node.output[0])
    raise InputError(f"tensor {code!r} of the int8 ONNX file is quantised but never used")


def _dequantised_weight(
    layer: NodeProto, producers: dict[str, NodeProto], constants: Tensors
) -> NDArray[np.float32] | None:
    if layer.op_type != "Conv":
        return None
    decode = producers.get(layer.input[1])
    if decode is None or decode.op_type != "DequantizeLinear":
        return None
    codes, scale, zero_point = (constants[name].astype(np.float32) for name in decode.input)
    # Per output channel: the first axis of a convolution's weight.
    broadcast = (-1,) + (1,) * (codes.ndim - 1)
    decoded: NDArray[np.float32] = (codes - zero_point.reshape(broadcast)) * scale.reshape(
        broadcast
    )
    return decoded


def _constants(model: ModelProto) -> Tensors:
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _only(full: ModelProto, code: _Code) -> ModelProto:
    """The float model with one layer rounded: its weights replaced, its output passed by QDQ."""
    from onnx import ModelProto, helper, numpy_helper

    model = ModelProto()
    model.CopyFrom(full)
    graph = model.graph
    if code.weight is not None:
        name = _weight_of(full, code.float_tensor)
        for tensor in graph.initializer:
            if tensor.name == name:
                tensor.CopyFrom(numpy_helper.from_array(code.weight, name))
    rounded = code.float_tensor + _ROUNDED
    for node in graph.node:
        for position, name in enumerate(node.input):
            if name == code.float_tensor:
                node.input[position] = rounded
    scale, zero = f"{rounded}/scale", f"{rounded}/zero"
    graph.initializer.append(numpy_helper.from_array(code.scale, scale))
    graph.initializer.append(numpy_helper.from_array(code.zero_point, zero))
    last = next(index for index, node in enumerate(graph.node) if code.float_tensor in node.output)
    stored = f"{rounded}/code"
    encode = helper.make_node("QuantizeLinear", [code.float_tensor, scale, zero], [stored])
    decode = helper.make_node("DequantizeLinear", [stored, scale, zero], [rounded])
    graph.node.insert(last + 1, encode)
    graph.node.insert(last + 2, decode)
    return model


def _weight_of(full: ModelProto, tensor: str) -> str:
    """The convolution behind a layer's output, itself or one ReLU before it."""
    producers = {name: node for node in full.graph.node for name in node.output}
    node = producers[tensor]
    if node.op_type == "Relu":
        node = producers[node.input[0]]
    if node.op_type != "Conv":
        raise InputError(f"layer {tensor!r} of the float ONNX file is a {node.op_type}, not a Conv")
    return str(node.input[1])


def _run(
    model: ModelProto, tensors: list[str], audio: list[NDArray[np.float32]], threads: int
) -> list[list[NDArray[Any]]]:
    """Values of the named tensors, then of the model's own output, each a list over clips."""
    import onnxruntime
    from onnx import ModelProto, helper

    probe = ModelProto()
    probe.CopyFrom(model)
    wanted = [*tensors, probe.graph.output[0].name]
    for name in tensors:
        probe.graph.output.append(helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    each = [session.run(wanted, {name: clip}) for clip in audio]
    return [list(values) for values in zip(*each, strict=True)]
