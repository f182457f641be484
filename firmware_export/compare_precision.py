"""What int8 activations cost a student: its ONNX file with and without them, on real clips.

`python -m firmware_export.compare_precision CHECKPOINT AUDIO_FOLDER` prints a Markdown table of
the errors against the float checkpoint. The ranges are those of the cache beside the checkpoint.
docs/STUDENTS.md has the tables that decided `Student.int8_activations`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from calibration.cache import CalibrationCache, cache_path, load
from edge_ser import SAMPLE_RATE
from edge_ser.audio.files import read_audio
from edge_ser.checkpoint import load_student
from edge_ser.drift.clips import find_files
from edge_ser.students.student import Student
from firmware_export import onnx_float, onnx_int8

_FORMS = {"weights and activations": True, "weights": False}

CLIPS = 60
SECONDS = 5.0


def errors(
    student: Student, cache: CalibrationCache, clips: Sequence[NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Form of the file -> |int8 - float torch| of every clip, (clips, 3).

    Args:
        student: in evaluation mode.
        cache: its ranges.
        clips: each (samples,) float32, 16 kHz.
    """
    with torch.inference_mode():
        truth = np.concatenate([student(torch.from_numpy(clip)[None]).numpy() for clip in clips])
    chosen = student.int8_activations
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        full, quantised = Path(scratch, "float.onnx"), Path(scratch, "int8.onnx")
        onnx_float.convert(student, full, {})
        for name, student.int8_activations in (
            ("weights and activations", True),
            ("weights", False),
        ):
            onnx_int8.convert(full, student, cache, quantised, {})
            found[name] = np.abs(_run(quantised, clips) - truth)
    student.int8_activations = chosen
    return found


def _run(path: Path, clips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    each = [session.run(None, {onnx_float.INPUT_NAME: clip[None]})[0] for clip in clips]
    result: NDArray[np.float32] = np.concatenate(each)
    return result


def as_markdown(found: dict[str, NDArray[np.float32]]) -> str:
    """One line per form: largest mean error of a dimension, largest error of all."""
    lines = ["| int8 | MAE | max |", "| --- | ---: | ---: |"]
    lines += [
        f"| {name} | {error.mean(axis=0).max():.4f} | {error.max():.4f} |"
        for name, error in found.items()
    ]
    return "\n".join(lines)


def main(checkpoint: Path, audio: Path) -> None:
    """Print the table of one checkpoint."""
    student, card = load_student(checkpoint)
    cache = load(cache_path(checkpoint))
    cache.check(card["weights_sha256"], student.config.frontend)
    samples = round(SECONDS * SAMPLE_RATE)
    files = find_files([audio], CLIPS)
    clips = [np.resize(read_audio(clip.path), samples) for clip in files]
    print(as_markdown(errors(student, cache, clips)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
