"""TFLite-Micro on this machine: what a model gives there, and how much memory it takes.

The package holds the real interpreter with its reference kernels, so outputs are those of a
device. The arena has two parts: activations, the same on every device, and bookkeeping, whose
pointers are twice as long here as on a 32-bit core; a vendor's kernels may want scratch memory
on top.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.runtime.quiet import native_stderr_hidden
from firmware_export import tflite_file

_SLACK_BYTES = 65_536
"""For bookkeeping, when an arena is made to be measured: 7 KB are used."""

_ALIGNMENT = 64

_ARENA = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")


@dataclass(frozen=True)
class Arena:
    """Bytes in use after a run.

    Attributes:
        activations: planned tensors, the same on every device.
        bookkeeping: of the interpreter, on a 64-bit machine.
        version: of the interpreter.
    """

    activations: int
    bookkeeping: int
    version: str

    @property
    def total(self) -> int:
        """Both."""
        return self.activations + self.bookkeeping


def version() -> str:
    """Of the package; part of every measured arena.

    Raises:
        EnvironmentMissing: not installed.
    """
    return str(_package().__version__)


def run(content: bytes, codes: NDArray[np.int8]) -> list[NDArray[np.int8]]:
    """Outputs in the file's order.

    Args:
        content: of a TFLite file with one input.
        codes: of exactly the input's shape.

    Raises:
        EnvironmentMissing: the package is not installed.
        InputError: TFLite-Micro refuses the model.
    """
    interpreter = _invoked(content, codes)
    count = len(tflite_file.parse(content).subgraphs[0].outputs)
    return [np.array(interpreter.get_output(index)) for index in range(count)]


def measure_arena(content: bytes) -> Arena:
    """Run once on zeros and ask the interpreter.

    Raises:
        EnvironmentMissing: not installed, or it reports its memory in another way.
        InputError: TFLite-Micro refuses the model.
    """
    graph = tflite_file.parse(content).subgraphs[0]
    shape = [int(size) for size in graph.tensors[graph.inputs[0]].shape]
    interpreter = _invoked(content, np.zeros(shape, np.int8))
    parts = dict(_ARENA.findall(_native_stderr(interpreter.print_allocations)))
    if set(parts) != {"total", "head", "tail"}:
        raise EnvironmentMissing(
            f"tflite-micro {version()} reports its arena in a form that is not known",
            "install the tested version: pip install -c constraints.txt 'edge-ser[tflm]'",
        )
    return Arena(int(parts["head"]), int(parts["tail"]), version())


def _invoked(content: bytes, codes: NDArray[np.int8]) -> Any:
    runtime = _package().runtime
    try:
        with native_stderr_hidden():
            interpreter = runtime.Interpreter.from_bytes(
                content, arena_size=_largest_arena(content)
            )
            interpreter.set_input(codes, 0)
            interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"TFLite-Micro cannot run the model: {error}",
            "hand over a bundle's backbone.int8.tflite; see `edge-ser export --list-targets`",
        ) from error
    return interpreter


def _largest_arena(content: bytes) -> int:
    """As if no tensor ever took another's place.

    A multiple of the alignment, so that what is measured does not depend on where it lies.
    """
    tensors = tflite_file.parse(content).subgraphs[0].tensors
    sizes = sum(int(np.prod(tensor.shape)) for tensor in tensors)
    largest = 4 * sizes + len(content) + _SLACK_BYTES
    return -(-largest // _ALIGNMENT) * _ALIGNMENT


def _package() -> Any:
    try:
        import tflite_micro
    except ImportError as error:
        raise EnvironmentMissing(
            f"TFLite-Micro's interpreter is not installed: {error}",
            "pip install 'edge-ser[tflm]' (wheels exist for x86_64 Linux)",
        ) from error
    return tflite_micro


def _native_stderr(call: Callable[[], object]) -> str:
    """What a function prints to file descriptor 2, past Python's `sys.stderr`."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        try:
            os.dup2(file.fileno(), 2)
            call()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        return file.read().decode(errors="replace")
