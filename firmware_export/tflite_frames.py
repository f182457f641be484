"""A backbone file that says how many log-mel frames it takes.

The exported file's own length only has to exist: LiteRT resizes it. TFLite-Micro and NPU
compilers cannot, so for them the length is written into every tensor's shape. Which lengths make
sense for a stream is `BlockPlan`'s business. Weights, scales and operators stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_ser.errors import InputError
from edge_ser.runtime.blocks import STRIDE
from edge_ser.runtime.quiet import native_stderr_hidden
from edge_ser.runtime.tables import BackboneTables
from firmware_export import tflite_file

BLOCK_SECONDS = 0.5
"""New audio per run: the streaming hop, and what a microcontroller's memory can hold."""


@dataclass(frozen=True)
class BlockPlan:
    """How a stream of log-mel frames is cut for a backbone of fixed length.

    Attributes:
        advance: new frames per run, a multiple of the pool's stride.
        context: frames on either side that only serve the outputs between them.
        hop_seconds: of audio per frame.
    """

    advance: int
    context: int
    hop_seconds: float

    @classmethod
    def of(cls, tables: BackboneTables, seconds: float = BLOCK_SECONDS) -> BlockPlan:
        """The plan whose runs bring about `seconds` of new audio.

        Raises:
            InputError: not even one output frame per run.
        """
        spec = tables.frontend
        steps = round(seconds * spec.sample_rate / (spec.hop * STRIDE))
        if steps < 1:
            raise InputError(
                f"a block of {seconds:g} s is shorter than one output frame",
                f"give at least {spec.hop * STRIDE / spec.sample_rate:g} s",
            )
        radius = tables.receptive_radius
        return cls(steps * STRIDE, radius + radius % STRIDE, spec.hop / spec.sample_rate)

    @property
    def frames(self) -> int:
        """Frames per run, context included."""
        return self.advance + 2 * self.context

    @property
    def seconds(self) -> float:
        """Of new audio per run."""
        return self.advance * self.hop_seconds

    @property
    def overhead(self) -> float:
        """Work per run over that of the new frames alone."""
        return self.frames / self.advance


def with_frames(content: bytes, frames: int) -> bytes:
    """The same model for exactly `frames` log-mel frames.

    Args:
        content: of a TFLite file with one input (1, T, bands, channels).
        frames: the new T.

    Raises:
        InputError: the model cannot take that length.
    """
    model = tflite_file.parse(content)
    tensors = model.subgraphs[0].tensors
    for index, shape in _resized_shapes(content, frames).items():
        # The interpreter also lists temporary tensors that are not in the file.
        if index < len(tensors) and list(tensors[index].shape) != shape:
            tensors[index].shape = shape
            tensors[index].shapeSignature = None
    return tflite_file.serialise(model)


def _resized_shapes(content: bytes, frames: int) -> dict[int, list[int]]:
    """Shape of every tensor as TFLite's own shape inference gives it."""
    interpreter = reference_interpreter(content)
    source = interpreter.get_input_details()[0]
    shape = [int(size) for size in source["shape"]]
    if len(shape) != 4:
        raise InputError(f"the model's input has the shape {shape}, not (1, frames, bands, 1)")
    try:
        interpreter.resize_tensor_input(source["index"], [shape[0], frames, *shape[2:]])
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"the model cannot take {frames} frames: {error}") from error
    return {
        detail["index"]: [int(size) for size in detail["shape"]]
        for detail in interpreter.get_tensor_details()
    }


def reference_interpreter(content: bytes, keep_all: bool = False) -> Any:
    """LiteRT with the kernels that TFLite-Micro and the C engine equal; not allocated yet.

    Args:
        content: of the TFLite file.
        keep_all: keep every layer's output, so that it can be read after a run.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with native_stderr_hidden():
        return Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=keep_all,
        )
