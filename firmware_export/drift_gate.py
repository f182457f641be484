"""The drift gate at export: every artefact against the float checkpoint, on the same clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edge_ser import __version__
from edge_ser.bundle.reader import Bundle
from edge_ser.drift.clips import FileClips, find_files
from edge_ser.drift.gate import CLIPS_FOR_CCC, Gate, judge
from edge_ser.drift.measure import DriftClip, Source, measure
from edge_ser.drift.report import DriftReport, StepInfo
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime import Engine
from edge_ser.students.wav2small import Wav2Small
from firmware_export.probes import probe_clips
from firmware_export.tflite_hybrid import FIXED_SAMPLES

REFERENCE = "float torch"

_STEP_NAMES = {
    "onnxruntime/model.float.onnx": "float ONNX",
    "onnxruntime/model.int8.onnx": "int8 ONNX",
    "litert/model.int8.tflite": "int8 TFLite",
    "litert/backbone.int8.tflite": "int8 backbone + host",
}


def measure_drift(
    student: Wav2Small,
    bundle: Bundle,
    engines: dict[str, Engine],
    audio: Sequence[Path],
    limit: int,
    progress: bool,
) -> DriftReport:
    """Float torch, then every engine, on real clips where folders are given, else on probes.

    Args:
        student: the float reference.
        bundle: that the engines were loaded from.
        engines: "ENGINE/ARTEFACT" -> engine.
        audio: folders of real clips; may be empty.
        limit: at most this many real clips.
        progress: show a bar.

    Raises:
        InputError: folders without enough clips for the gate on CCC.
    """
    clips, corpora, note = _clips(audio, limit)
    steps: dict[str, Source] = {REFERENCE: _torch_predictor(student)}
    steps |= {_STEP_NAMES[key]: engine.predict for key, engine in engines.items()}
    result = measure(steps, clips, REFERENCE, progress="measuring drift" if progress else "")
    manifest = bundle.manifest
    infos = [StepInfo(REFERENCE, "checkpoint", f"torch {torch.__version__}", "")]
    infos += [
        StepInfo(
            _STEP_NAMES[key],
            engine.artefact,
            f"{engine.name} {engine.version}",
            manifest.files[engine.artefact].sha256,
        )
        for key, engine in engines.items()
    ]
    return DriftReport(
        title=f"{manifest.name} for {manifest.target}",
        facts={
            "checkpoint SHA-256": manifest.student.checkpoint_sha256,
            "teacher": f"{manifest.teacher.id} ({manifest.teacher.licence})",
            "edge-ser": __version__,
        },
        corpora=corpora,
        steps=tuple(infos),
        result=result,
        verdict=judge(result, Gate()),
        notes=(note,),
    )


def require_pass(report: DriftReport) -> None:
    """Raise unless the gate was passed.

    Raises:
        GateFailed: with every limit that was missed.
    """
    if not report.verdict.passed:
        raise GateFailed(
            "the drift gate failed: " + "; ".join(report.verdict.failures),
            "calibrate on audio nearer to yours (--calibration-audio DIR), or train longer; "
            "`--keep-failed` writes the bundle all the same, marked as failed",
        )


def one_sentence(report: DriftReport) -> str:
    """The worst figures over the int8 artefacts, and what they were measured on."""
    compared = report.result.against_reference()
    steps = [compared[step] for step in report.verdict.judged]
    figures = f"MAE {max(s.mae for s in steps):.4f}, max {max(s.max for s in steps):.4f}"
    if report.verdict.ccc_judged:
        figures += f", CCC {min(s.lowest_ccc for s in steps):.4f} in the worst dimension"
    return f"{figures} ({len(report.result.clips)} clips; {'; '.join(report.corpora)})"


def summary(report: DriftReport) -> dict[str, Any]:
    """For the manifest."""
    return {**report.summary(), "measured_on": list(report.corpora)}


def _clips(audio: Sequence[Path], limit: int) -> tuple[Iterable[DriftClip], tuple[str, ...], str]:
    if not audio:
        probes = [DriftClip(f"probe/{name}", clip) for name, clip in probe_clips().items()]
        return probes, (f"{len(probes)} synthetic probe clips",), "probe clips keep their lengths"
    files = find_files(audio, limit)
    if len(files) < CLIPS_FOR_CCC:
        raise InputError(
            f"the drift gate needs {CLIPS_FOR_CCC} real clips, {len(files)} were found or allowed",
            "give more folders with --audio, raise --audio-clips, or leave --audio out",
        )
    names = sorted({clip.corpus for clip in files})
    corpora = tuple(f"{sum(c.corpus == name for c in files)} clips of {name}" for name in names)
    return FileClips(files, FIXED_SAMPLES), corpora, "clips are cut or repeated to 5 s"


def _torch_predictor(student: Wav2Small) -> Source:
    def predict(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            values: NDArray[np.float32] = student(torch.from_numpy(audio)[None])[0].numpy()
        return values

    return predict
