"""Anything that predicts A/D/V from a clip: a checkpoint, a bundle, a model file, a teacher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ser.checkpoint import load_student, read_card
from edge_ser.evaluation.model_files import SUFFIXES, model_file

Predictor = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(samples,) at 16 kHz -> (3,) A/D/V."""


def predictor_of(model: Path, engine: str | None = None) -> Predictor:
    """A predictor for a model given by path.

    Args:
        model: a student's or teacher's `.safetensors`, a bundle folder or a `.tar.gz`, or a
            single `.onnx` or `.tflite` file.
        engine: runtime for a bundle; the first one present by default.

    Raises:
        InputError: the path is none of these.
        BundleRefused: the bundle is damaged.
    """
    if model.suffix in SUFFIXES:
        return model_file(model).predict
    if model.suffix != ".safetensors":
        from edge_ser.bundle import open_bundle
        from edge_ser.runtime import load_engine

        return load_engine(open_bundle(model), engine).predict
    if read_card(model).get("kind") == "teacher":
        from edge_ser.teachers import load_teacher

        return load_teacher(str(model)).predict
    return _student_predictor(model)


def _student_predictor(checkpoint: Path) -> Predictor:
    import torch

    torch.set_num_threads(1)  # a student is too small to gain from more, and they spin
    student, _ = load_student(checkpoint)

    def predict(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = student(torch.from_numpy(audio)[None])[0].numpy()
        return output

    return predict
