"""The devices a bundle can be exported for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from edge_ser.errors import InputError

FLOAT_ONNX = "model.float.onnx"
INT8_ONNX = "model.int8.onnx"
INT8_TFLITE = "model.int8.tflite"
BACKBONE_TFLITE = "backbone.int8.tflite"


@dataclass(frozen=True)
class Target:
    """A device, as far as the exporter must know it.

    Attributes:
        name: as given to `--target`.
        title: for people.
        machine: `uname -m` of a supported system.
        engines: runtimes that have wheels for it, preferred one first.
    """

    name: str
    title: str
    machine: str
    engines: tuple[str, ...]


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            "rpi",
            "Raspberry Pi 3, 4, 5, Zero 2 W with a 64-bit OS",
            "aarch64",
            ("litert", "tflite-runtime", "onnxruntime"),
        ),
        Target(
            "linux-x86_64",
            "Linux PC or server",
            "x86_64",
            ("litert", "tflite-runtime", "onnxruntime"),
        ),
    )
}


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        InputError: unknown; the nearest known name is suggested.
    """
    if name in TARGETS:
        return TARGETS[name]
    near = difflib.get_close_matches(name, TARGETS, n=1, cutoff=0.4)
    question = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(
        f"no target called {name!r}",
        f"{question}known targets: {', '.join(TARGETS)}; `edge-ser export --list-targets`",
    )
