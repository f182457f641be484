"""One checkpoint into all model files of a bundle, and what the manifest says of each."""

from __future__ import annotations

import json
from pathlib import Path

from calibration.affine import affine
from calibration.cache import CalibrationCache
from edge_ser.bundle.manifest import BACKBONE_TABLES, ModelInfo, Quantisation, TensorInfo
from edge_ser.errors import GateFailed
from edge_ser.students.student import Student
from firmware_export import onnx_backbone, onnx_float, onnx_int8, tflite_backbone, tflite_hybrid
from firmware_export.targets import (
    BACKBONE_ONNX,
    BACKBONE_TFLITE,
    FLOAT_ONNX,
    INT8_ONNX,
    INT8_TFLITE,
)


def write_models(
    student: Student, cache: CalibrationCache, folder: Path, metadata: dict[str, str]
) -> dict[str, ModelInfo]:
    """Convert; the same inputs give the same bytes.

    A student that does not run in blocks gets no backbone files.

    Args:
        student: in evaluation mode.
        cache: ranges of this student.
        folder: gets the files.
        metadata: goes into each file.

    Returns:
        File name -> inputs, outputs and quantisation.
    """
    onnx_float.convert(student, folder / FLOAT_ONNX, metadata)
    onnx_int8.convert(folder / FLOAT_ONNX, student, cache, folder / INT8_ONNX, metadata)
    tflite_hybrid.convert(student, cache, folder / INT8_TFLITE, metadata)
    any_length = _waveform(onnx_float.INPUT_NAME, onnx_float.OUTPUT_NAME, ("batch", "samples"))
    whole = {
        FLOAT_ONNX: any_length,
        INT8_ONNX: any_length,
        INT8_TFLITE: _waveform(
            tflite_hybrid.INPUT_NAME, tflite_hybrid.OUTPUT_NAME, (1, tflite_hybrid.FIXED_SAMPLES)
        ),
    }
    return whole | _write_backbones(student, cache, folder, metadata)


def _write_backbones(
    student: Student, cache: CalibrationCache, folder: Path, metadata: dict[str, str]
) -> dict[str, ModelInfo]:
    if not student.runs_in_blocks:
        return {}
    onnx_backbone.convert(folder / INT8_ONNX, student, folder / BACKBONE_ONNX, metadata)
    tables = folder / BACKBONE_TABLES
    tflite_backbone.convert(student, cache, folder / BACKBONE_TFLITE, tables, metadata)
    backbone = _backbone(tables, student.config.frontend.n_mels)
    _check_codes(backbone, cache)
    return {BACKBONE_TFLITE: backbone, BACKBONE_ONNX: _onnx_backbone(student)}


_BACKBONE_PATHS = {
    "log_mel": "frontend",
    "values": "backbone.projections.values",
    "scores": "backbone.projections.scores",
}


def _check_codes(backbone: ModelInfo, cache: CalibrationCache) -> None:
    """A converter that replaced the cache's ranges by its own would clip or waste the code."""
    for tensor, path in _BACKBONE_PATHS.items():
        found, wanted = backbone.quantisation[tensor], affine(*cache.ranges[path])
        same_scale = abs(found.scale - wanted.scale) <= 1e-5 * wanted.scale
        if not same_scale or found.zero_point != wanted.zero_point - 128:
            raise GateFailed(
                f"the converter gave {tensor} the code {found}, calibration says {wanted}",
                "install the tested converter versions: pip install -c constraints.txt",
            )


def _waveform(source: str, result: str, shape: tuple[int | str, int | str]) -> ModelInfo:
    batch, samples = shape
    return ModelInfo(
        inputs=(TensorInfo(source, shape, "float32"),),
        outputs=(TensorInfo(result, (batch, 3), "float32"),),
        input_kind="waveform",
        fixed_samples=samples if isinstance(samples, int) else None,
        quantisation={},
    )


def _onnx_backbone(student: Student) -> ModelInfo:
    source = (1, 1, "frames", student.config.frontend.n_mels)
    result = onnx_backbone.output_shape(student)
    values, scores = (TensorInfo(name, result, "float32") for name in onnx_backbone.OUTPUT_NAMES)
    return ModelInfo(
        inputs=(TensorInfo(onnx_backbone.INPUT_NAME, source, "float32"),),
        outputs=(values, scores),
        input_kind="log-mel",
        fixed_samples=None,
        quantisation={},
    )


def _backbone(tables: Path, n_mels: int) -> ModelInfo:
    values = json.loads(tables.read_text(encoding="utf-8"))
    head = values["head"]
    output = (1, "frames_out", head["bands"], head["channels"])
    return ModelInfo(
        inputs=(TensorInfo("log_mel", (1, "frames", n_mels, 1), "int8"),),
        outputs=(TensorInfo("values", output, "int8"), TensorInfo("scores", output, "int8")),
        input_kind="log-mel",
        fixed_samples=None,
        quantisation={
            tensor: Quantisation(**values[key])
            for tensor, key in (("log_mel", "input"), ("values", "values"), ("scores", "scores"))
        },
    )
