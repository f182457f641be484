"""What can be benchmarked here: each file of a bundle on each runtime present, and torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.drift.chain import torch_step
from edge_ser.drift.measure import Predictor
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.runtime import available_engines, load_engine, runs

TORCH = "torch"
_NAMES = {
    "model.float.onnx": "float ONNX",
    "model.int8.onnx": "int8 ONNX",
    "model.int8.tflite": "int8 TFLite",
    "backbone.int8.tflite": "backbone + host",
}


@dataclass(frozen=True)
class Candidate:
    """One thing to benchmark.

    Attributes:
        name: for tables.
        engine: of `edge_ser.runtime`, or "torch".
        artefact: file in the bundle; the checkpoint's file name for torch.
        version: of the runtime.
    """

    name: str
    engine: str
    artefact: str
    version: str


def find_candidates(
    bundle: Bundle, checkpoint: Path | None
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """The candidates, slowest kind first, and what is left out with its reason.

    Args:
        bundle: open.
        checkpoint: float weights, for torch eager; None leaves torch out.

    Raises:
        EnvironmentMissing: nothing can be run here.
    """
    found, absent = [], []
    if checkpoint is not None:
        try:
            import torch

            found.append(Candidate("torch eager", TORCH, checkpoint.name, torch.__version__))
        except ImportError:
            absent.append("torch eager: torch is not installed")
    else:
        absent.append("torch eager: no checkpoint here (--checkpoint FILE)")
    engines = available_engines()
    for artefact, name in _NAMES.items():
        named = False  # the preferred engine of those here bears the plain name
        for engine, status in engines.items():
            if artefact not in bundle.manifest.models or not runs(engine, artefact):
                continue
            if status.available:
                suffix = f" ({engine})" if named else ""
                named = True
                found.append(Candidate(name + suffix, engine, artefact, status.version))
            else:
                absent.append(f"{name} on {engine}: {status.reason}")
    if not found:
        raise EnvironmentMissing(
            f"nothing of this bundle can be run here: {'; '.join(absent)}",
            "pip install 'edge-ser[rpi]'; `edge-ser doctor` says more",
        )
    return tuple(found), tuple(absent)


def load(candidate: Candidate, bundle: Bundle, checkpoint: Path | None, threads: int) -> Predictor:
    """Ready to predict (samples,) -> (3,).

    Raises:
        EdgeSerError: the model does not load.
    """
    if candidate.engine != TORCH:
        return load_engine(bundle, candidate.engine, candidate.artefact, threads).predict
    if checkpoint is None:
        raise InputError("torch eager needs a checkpoint", "add --checkpoint FILE")
    return torch_step(bundle, checkpoint, threads).source


def bench_audio(bundle: Bundle, seconds: float) -> NDArray[np.float32]:
    """The bundle's first golden clip, cut or repeated to a length: (samples,) float32."""
    manifest = bundle.manifest
    if not manifest.golden.clips:
        raise InputError("the bundle has no golden clip to run", "export it again")
    clip = read_clip(bundle, sorted(manifest.golden.clips)[0])
    return np.resize(clip, round(seconds * manifest.sample_rate))
