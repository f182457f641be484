"""Bundles for tests: a small one with stand-in contents, and a real export.

The stand-in has every kind of file a bundle has but no loadable model, so that hundreds of
damaged copies of it can be tried in a second.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edge_ser import SAMPLE_RATE, __version__
from edge_ser.bundle.golden import write_clip
from edge_ser.bundle.manifest import (
    MANIFEST_NAME,
    CalibrationInfo,
    DataSource,
    Figure,
    FileEntry,
    Golden,
    Manifest,
    ModelInfo,
    Quantisation,
    StudentInfo,
    Teacher,
    TensorInfo,
)
from edge_ser.frontend.spec import FrontEndSpec

_NO_HASH = "0" * 64


def entries(folder: Path) -> dict[str, FileEntry]:
    """What a manifest must say of the files in a folder."""
    return {
        path.relative_to(folder).as_posix(): FileEntry(
            hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST_NAME
    }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest into a folder."""
    (folder / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")


def stand_in_manifest(files: dict[str, FileEntry]) -> Manifest:
    """A valid manifest of the stand-in bundle."""
    waveform = TensorInfo("audio", (1, 80_000), "float32")
    adv = TensorInfo("arousal_dominance_valence", (1, 3), "float32")
    log_mel = TensorInfo("log_mel", (1, "frames", 26, 1), "int8")
    values = TensorInfo("values", (1, "frames_out", 1, 169), "int8")
    return Manifest(
        schema=1,
        name="wav2small",
        target="rpi",
        version=__version__,
        sample_rate=SAMPLE_RATE,
        dimensions=("arousal", "dominance", "valence"),
        output_range=(0.0, 1.0),
        clipped=False,
        window_seconds=5.0,
        hop_seconds=0.5,
        frontend=FrontEndSpec(),
        student=StudentInfo("wav2small", 72_477, 388_264_500, 2, 12, _NO_HASH),
        files=files,
        models={
            "model.int8.tflite": ModelInfo((waveform,), (adv,), "waveform", 80_000, {}),
            "backbone.int8.tflite": ModelInfo(
                (log_mel,), (values,), "log-mel", None, {"log_mel": Quantisation(0.02, 3)}
            ),
        },
        golden=Golden(
            clips={"tone": "golden/tone.wav"},
            expected={"litert/model.int8.tflite": {"tone": (0.4, 0.5, 0.6)}},
            tolerance={"litert/model.int8.tflite": 1e-3},
        ),
        teacher=Teacher("edge-ser-teacher", "Apache-2.0", _NO_HASH),
        training_data=(DataSource("emodb", "CC0-1.0", "training", "https://example.org"),),
        attribution=("Noise: somebody, CC BY 4.0",),
        calibration=CalibrationInfo(64, _NO_HASH, "min-max", "emodb"),
        drift={"mae": [0.001, 0.001, 0.001]},
        memory={"arena": Figure(1_762_768.0, "B", "measured", "TFLite-Micro, 5 s")},
        tools={"numpy": np.__version__},
    )


def make_stand_in(folder: Path) -> Path:
    """Write the stand-in bundle."""
    (folder / "golden").mkdir(parents=True)
    (folder / "run").mkdir()
    for name in ("model.int8.tflite", "backbone.int8.tflite", "run/install.sh"):
        (folder / name).write_bytes(hashlib.sha256(name.encode()).digest() * 8)
    tone = np.sin(np.arange(SAMPLE_RATE) * 0.1).astype(np.float32) / 4
    write_clip(folder / "golden/tone.wav", tone)
    write_manifest(folder, stand_in_manifest(entries(folder)))
    return folder


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """Folder of a valid bundle whose model files are not models."""
    return make_stand_in(tmp_path / "bundle")
