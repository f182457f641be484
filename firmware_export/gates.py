"""Size and memory gates: an export that outgrows them fails. Drift has `edge_ser.drift.gate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_ser.bundle.manifest import Figure
from edge_ser.errors import GateFailed
from firmware_export.targets import BACKBONE_ONNX, BACKBONE_TFLITE, INT8_ONNX, INT8_TFLITE

SIZE_GATES: dict[str, dict[str, int]] = {
    "wav2small": {
        INT8_ONNX: 115_000,
        INT8_TFLITE: 130_000,
        BACKBONE_TFLITE: 97_000,
        BACKBONE_ONNX: 97_000,
    },
    "wav2small-17k": {
        INT8_ONNX: 60_000,
        INT8_TFLITE: 60_000,
        BACKBONE_TFLITE: 30_000,
        BACKBONE_ONNX: 30_000,
    },
}
"""student -> file -> most bytes. The paper's int8 ONNX of wav2small has 120,000."""

MEMORY_GATES: dict[tuple[str, str], dict[str, int]] = {
    ("wav2small", "cortex-m4"): {"c_flash": 128_000, "c_buffer": 64_000},
    ("wav2small-17k", "cortex-m4"): {"c_flash": 128_000, "c_buffer": 64_000},
}
"""(student, target) -> figure of the C engine -> most bytes, a window of 5 s included."""


def check_sizes(student: str, sizes: Mapping[str, int]) -> None:
    """Refuse files above their gate.

    Args:
        student: name; students without gates pass.
        sizes: file name -> bytes.

    Raises:
        GateFailed: names every file that is too large.
    """
    gates = SIZE_GATES.get(student, {})
    over = [
        f"{name} has {sizes[name]:,} bytes, the gate is {gate:,}"
        for name, gate in gates.items()
        if sizes[name] > gate
    ]
    if over:
        raise GateFailed(
            "; ".join(over), "something that nobody reads went into the file: compare its tensors"
        )


def check_memory(student: str, target: str, figures: Mapping[str, Figure]) -> None:
    """Refuse a C engine above its gate.

    Args:
        student, target: names; pairs without gates pass.
        figures: of the engine; empty where nothing was built, and then nothing is checked.

    Raises:
        GateFailed: names every figure that is too large.
    """
    gates = MEMORY_GATES.get((student, target), {}) if figures else {}
    over = [
        f"{name} has {figures[name].value:,.0f} bytes, the gate is {gate:,}"
        for name, gate in gates.items()
        if figures[name].value > gate
    ]
    if over:
        raise GateFailed(
            f"the C engine of {student} on {target} outgrew its memory: {'; '.join(over)}",
            "compare the sections of c/prebuilt/libedge_ser.a with an earlier export's",
        )


def file_sizes(folder: Path, names: list[str]) -> dict[str, int]:
    """Bytes of each file."""
    return {name: (folder / name).stat().st_size for name in names}
