"""Latency of the students' int8 ONNX files side by side, without any weights at hand.

How long a network takes does not depend on its weights: untrained students are converted with
ranges from the probe clips, and run in turn in one process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from calibration.cache import CalibrationCache
from calibration.observe import observe
from edge_ser import SAMPLE_RATE
from edge_ser.bench.latency import Timing, interleaved
from edge_ser.errors import EnvironmentMissing
from edge_ser.students.catalogue import build_student
from firmware_export import onnx_float, onnx_int8
from firmware_export.probes import probe_clips

SECONDS = 5.0


def measure_students(names: Sequence[str], rounds: int, threads: int = 1) -> dict[str, Timing]:
    """Time per clip of 5 s on ONNX Runtime.

    Args:
        names: of the catalogue.
        rounds: timed runs of each, taken in turn.
        threads: of the runtime.

    Raises:
        EnvironmentMissing: onnxruntime is not installed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        sessions = {
            name: _Session(_int8_file(name, Path(scratch, name)), threads)
            for name in tqdm(names, desc="converting", unit="student")
        }
        audio = np.resize(probe_clips()["calm-speech"], round(SECONDS * SAMPLE_RATE))
        with tqdm(total=rounds, desc="measuring", unit="round") as bar:
            return interleaved(sessions, audio, rounds, bar.update)


def _int8_file(name: str, stem: Path) -> Path:
    torch.manual_seed(0)
    student = build_student(name).eval()
    ranges = observe(student, [probe_clips()["calm-speech"]])
    cache = CalibrationCache(ranges, "", student.config.frontend.sha256(), (), "probe clip", 0)
    full, quantised = stem.with_suffix(".float.onnx"), stem.with_suffix(".int8.onnx")
    onnx_float.convert(student, full, {})
    onnx_int8.convert(full, student, cache, quantised, {})
    return quantised


class _Session:
    """(samples,) -> A/D/V."""

    def __init__(self, path: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise EnvironmentMissing(
                f"latency needs onnxruntime: {error}", "pip install 'edge-ser[export]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, audio: NDArray[np.float32]) -> object:
        return self._session.run(None, {onnx_float.INPUT_NAME: audio[None]})
