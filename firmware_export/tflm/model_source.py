"""The model as a C array, and the numbers that the code around it needs."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from edge_ser.errors import InputError
from edge_ser.runtime.blocks import STRIDE
from firmware_export import tflite_file
from firmware_export.c_engine.c_text import array
from firmware_export.tflite_frames import BlockPlan


@dataclass(frozen=True)
class Interface:
    """Sizes of a backbone with a fixed length.

    Attributes:
        frames, bands: of the input.
        outputs, features: of both outputs.
        values, scores: which of the file's outputs they are; an NPU compiler reorders them.
    """

    frames: int
    bands: int
    outputs: int
    features: int
    values: int
    scores: int


def interface_of(model: Any) -> Interface:
    """Read off the file.

    Raises:
        InputError: not one input and the two outputs values and scores.
    """
    graph = model.subgraphs[0]
    names = [tflite_file.text(graph.tensors[index].name) for index in graph.outputs]
    if len(graph.inputs) != 1 or sorted(names) != ["scores", "values"]:
        raise InputError(
            f"the model has {len(graph.inputs)} inputs and the outputs {', '.join(names)}",
            "hand over a bundle's backbone.int8.tflite: log-mel in, values and scores out",
        )
    _, frames, bands, _ = (int(size) for size in graph.tensors[graph.inputs[0]].shape)
    _, outputs, *rest = (int(size) for size in graph.tensors[graph.outputs[0]].shape)
    features = rest[0] * rest[1]
    return Interface(frames, bands, outputs, features, names.index("values"), names.index("scores"))


def model_header(interface: Interface, plan: BlockPlan, arena: int, arena_note: str) -> str:
    """`es_tflm_model.h`.

    Args:
        interface: of the model.
        plan: how a stream is cut for it.
        arena: bytes to reserve.
        arena_note: where the number comes from.

    Raises:
        InputError: the model has another length than the plan.
    """
    if interface.frames != plan.frames:
        raise InputError(
            f"the model takes {interface.frames} frames, the plan runs {plan.frames}",
            "fix the model's length to the plan's with `with_frames`",
        )
    numbers = {
        "FRAMES": (interface.frames, "log-mel rows per run"),
        "BANDS": (interface.bands, "codes per row"),
        "OUTPUTS": (interface.outputs, "output frames per run"),
        "FEATURES": (interface.features, "codes per output frame, of values and of scores"),
        "ADVANCE": (plan.advance, f"new rows per run: {plan.seconds:g} s"),
        "CONTEXT": (plan.context, "rows on either side that only serve those between"),
        "STRIDE": (STRIDE, "rows per output frame"),
        "VALUES": (interface.values, "which of the model's outputs"),
        "SCORES": (interface.scores, ""),
    }
    lines = [
        f"#define ES_TFLM_{name} {value}{f' /* {note} */' if note else ''}"
        for name, (value, note) in numbers.items()
    ]
    return "\n".join(
        [
            "/* es_tflm_model.h: the model's sizes. Generated with es_tflm_model.cc. */",
            "#ifndef ES_TFLM_MODEL_H",
            "#define ES_TFLM_MODEL_H",
            "",
            *lines,
            "",
            *textwrap.wrap(f"/* {arena_note} */", 100, subsequent_indent=" * "),
            "#ifndef ES_TFLM_ARENA_BYTES",
            f"#define ES_TFLM_ARENA_BYTES {arena}",
            "#endif",
            "",
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            "extern const unsigned char es_tflm_model[];",
            "extern const unsigned int es_tflm_model_size;",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
            "#endif",
            "",
        ]
    )


def model_array(content: bytes, sha256: str) -> str:
    """`es_tflm_model.cc`: the file's bytes, aligned as its tensors need it."""
    data = array("alignas(16) const unsigned char es_tflm_model[]", [str(b) for b in content])
    return (
        f"// es_tflm_model.cc: a TFLite file of {len(content)} bytes, SHA-256 {sha256}.\n"
        '#include "es_tflm_model.h"\n\n'
        f"{data}\nconst unsigned int es_tflm_model_size = sizeof es_tflm_model;\n"
    )
