"""One adapter for the two Python packages that hold TFLite's interpreter.

`ai-edge-litert` and its predecessor `tflite-runtime` have the same interface. An interpreter
gets verified bytes, never a path: what was hashed is what is loaded.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.manifest import ModelInfo
from edge_ser.errors import BundleRefused
from edge_ser.runtime.engine import Kernels
from edge_ser.runtime.quiet import native_stderr_hidden
from edge_ser.runtime.tensors import FoundTensor, check_quantisation, check_tensors

INTERPRETER_MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}


class TfliteModel:
    """An allocated interpreter whose tensors agree with the manifest.

    Args:
        engine: a key of `INTERPRETER_MODULES`, installed.
        artefact: file name, for messages.
        content: verified bytes of the file.
        info: the manifest's description of it.
        threads: of the interpreter.
        kernels: "reference" for those bit-exact with TFLite-Micro and the C engine.

    Raises:
        BundleRefused: not a model, or another one than announced.
    """

    def __init__(
        self,
        engine: str,
        artefact: str,
        content: bytes,
        info: ModelInfo,
        threads: int,
        kernels: Kernels,
    ) -> None:
        module: Any = importlib.import_module(INTERPRETER_MODULES[engine])
        resolver = module.OpResolverType
        kind = resolver.BUILTIN_REF if kernels == "reference" else resolver.AUTO
        try:
            with native_stderr_hidden():
                self._interpreter = module.Interpreter(
                    model_content=content, num_threads=threads, experimental_op_resolver_type=kind
                )
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BundleRefused(f"{engine} cannot load {artefact}: {error}") from error
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        check_tensors(artefact, [_found(detail) for detail in inputs], info.inputs)
        check_tensors(artefact, [_found(detail) for detail in outputs], info.outputs)
        for detail, tensor in zip([*inputs, *outputs], [*info.inputs, *info.outputs], strict=True):
            if detail["dtype"] is np.int8:
                scale, zero_point = detail["quantization"]
                announced = info.quantisation.get(tensor.name)
                check_quantisation(artefact, tensor.name, scale, zero_point, announced)
        self._input = inputs[0]["index"]
        self._shape = tuple(inputs[0]["shape"])
        self._outputs = {
            tensor.name: detail["index"]
            for tensor, detail in zip(info.outputs, outputs, strict=True)
        }

    def run(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Outputs by the manifest's names.

        Args:
            values: the input; where its shape differs from the last, the model is resized.
        """
        if values.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, values.shape)
            self._interpreter.allocate_tensors()
            self._shape = values.shape
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}


def _found(detail: dict[str, Any]) -> FoundTensor:
    shape = tuple(int(size) for size in detail["shape"])
    return FoundTensor(detail["name"], shape, np.dtype(detail["dtype"]).name)
