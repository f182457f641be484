"""ONNX Runtime: the int8 and the float ONNX, waveform in, A/D/V out, any length."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.manifest import TensorInfo
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused, InputError
from edge_ser.runtime.engine import Kernels, check_audio
from edge_ser.runtime.tensors import FoundTensor, check_tensors

INT8_ONNX = "model.int8.onnx"

_DTYPES = {"tensor(float)": "float32", "tensor(int8)": "int8"}


@dataclass(frozen=True)
class OnnxEngine:
    """An `Engine` on an ONNX Runtime session."""

    name: str
    version: str
    artefact: str
    kernels: Kernels
    load_seconds: float
    session: Any
    input_name: str

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine.predict`."""
        (values,) = self.session.run(None, {self.input_name: check_audio(audio)[None]})
        return np.array(values[0], dtype=np.float32)


def load_onnx(
    bundle: Bundle, engine: str, version: str, artefact: str, threads: int, kernels: Kernels
) -> OnnxEngine:
    """A waveform ONNX file of a bundle on the CPU.

    Raises:
        BundleRefused: not in it, or not what the manifest says.
        InputError: reference kernels asked for; ONNX Runtime has none.
    """
    start = time.perf_counter()
    session = open_session(bundle, artefact, threads, kernels)
    return OnnxEngine(
        name=engine,
        version=version,
        artefact=artefact,
        kernels=kernels,
        session=session,
        input_name=session.get_inputs()[0].name,
        load_seconds=time.perf_counter() - start,
    )


def open_session(bundle: Bundle, artefact: str, threads: int, kernels: Kernels) -> Any:
    """A session on an ONNX file of a bundle, its tensors checked; errors as of `load_onnx`."""
    import onnxruntime

    if kernels == "reference":
        raise InputError(
            "onnxruntime has no reference kernels", "use the engine litert for kernels=reference"
        )
    content = bundle.read(artefact)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Waiting threads sleep instead of spinning: a device has better uses for its battery.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class of their own
        raise BundleRefused(f"onnxruntime cannot load {artefact}: {error}") from error
    info = bundle.manifest.models[artefact]
    _check(artefact, session.get_inputs(), info.inputs)
    _check(artefact, session.get_outputs(), info.outputs)
    return session


def _check(artefact: str, nodes: list[Any], announced: tuple[TensorInfo, ...]) -> None:
    found = [
        FoundTensor(node.name, _shape(node), _DTYPES.get(node.type, node.type)) for node in nodes
    ]
    check_tensors(artefact, found, announced)


def _shape(node: Any) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in node.shape)
