"""Size gates: an export that outgrows them fails. The drift gate is `edge_ser.drift.gate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_ser.errors import GateFailed
from firmware_export.targets import BACKBONE_TFLITE, INT8_ONNX, INT8_TFLITE

SIZE_GATES: dict[str, dict[str, int]] = {
    "wav2small": {INT8_ONNX: 115_000, INT8_TFLITE: 130_000, BACKBONE_TFLITE: 97_000},
    "wav2small-17k": {INT8_ONNX: 60_000, INT8_TFLITE: 60_000, BACKBONE_TFLITE: 30_000},
}
"""student -> file -> most bytes. The paper's int8 ONNX of wav2small has 120,000."""


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


def file_sizes(folder: Path, names: list[str]) -> dict[str, int]:
    """Bytes of each file."""
    return {name: (folder / name).stat().st_size for name in names}
