"""A single `.onnx` or `.tflite` file as a predictor: waveform in, A/D/V out.

Bundles go through the runtime, which checks every file against its manifest. A lone file has no
manifest: all that can be checked is that it takes audio and gives three values.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.runtime.interpreter import INTERPRETER_MODULES
from edge_ser.runtime.quiet import native_stderr_hidden

SUFFIXES = (".onnx", ".tflite")

_NEEDED = "it must take float32 audio (1, samples) at 16 kHz and give (1, 3) A/D/V"


class OnnxFile:
    """An ONNX file on ONNX Runtime, one thread.

    Raises:
        InputError: not ONNX, or of other inputs and outputs.
        EnvironmentMissing: ONNX Runtime is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise EnvironmentMissing(
                "onnxruntime is not installed", "pip install 'edge-ser[onnx]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base class of their own
            raise InputError(f"onnxruntime cannot load {path}: {error}", _NEEDED) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        values = [node for node in outputs if node.shape and node.shape[-1] == len(DIMENSIONS)]
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(values) != 1:
            raise InputError(f"{path} is not a model of audio", _NEEDED)
        self._input, self._output = inputs[0], values[0].name

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) -> (3,)."""
        (values,) = self._session.run(
            [self._output], {self._input.name: _fitted(audio, self._input.shape[-1])}
        )
        return np.array(values[0], np.float32)


class TfliteFile:
    """A TFLite file on LiteRT or tflite-runtime, one thread.

    Raises:
        InputError: not TFLite, or of other inputs and outputs.
        EnvironmentMissing: neither runtime is installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            with native_stderr_hidden():
                self._interpreter = _interpreter_module().Interpreter(
                    model_content=path.read_bytes(), num_threads=1
                )
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{path} cannot be loaded as TFLite: {error}", _NEEDED) from error
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        values = [detail for detail in outputs if detail["shape"][-1:] == [len(DIMENSIONS)]]
        if len(inputs) != 1 or inputs[0]["dtype"] is not np.float32 or len(values) != 1:
            raise InputError(f"{path} is not a model of audio", _NEEDED)
        self._input, self._output = inputs[0], values[0]["index"]

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) -> (3,)."""
        self._interpreter.set_tensor(
            self._input["index"], _fitted(audio, int(self._input["shape"][-1]))
        )
        self._interpreter.invoke()
        values = self._interpreter.get_tensor(self._output)
        return np.array(values[0], np.float32)


def model_file(path: Path) -> OnnxFile | TfliteFile:
    """The predictor of a file with one of `SUFFIXES`; errors are those of the two classes."""
    if not path.is_file():
        raise InputError(f"no model file {path}")
    return OnnxFile(path) if path.suffix == ".onnx" else TfliteFile(path)


def _fitted(audio: NDArray[np.float32], samples: Any) -> NDArray[np.float32]:
    """(1, samples) of a file's fixed length: the start of a longer clip, a shorter one repeated.

    Never padded with zeros, which would change the level normalisation and with it every value.
    """
    if len(audio) == 0:
        raise InputError("an empty clip cannot be scored", f"give audio at {SAMPLE_RATE} Hz")
    length = samples if isinstance(samples, int) and samples > 1 else len(audio)
    return np.resize(np.asarray(audio, np.float32), length)[None]


def _interpreter_module() -> Any:
    for name in INTERPRETER_MODULES.values():
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise EnvironmentMissing(
        "no TFLite runtime is installed", "pip install 'edge-ser[rpi]' for LiteRT"
    )
