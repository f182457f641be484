"""Bundles for tests: a small one with stand-in contents, and a real export.

The stand-in has every kind of file a bundle has but no loadable model, so that hundreds of
damaged copies of it can be tried in a second.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from calibration.cache import CalibrationCache

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


@pytest.fixture(scope="session")
def exported_bundle(
    repository: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder of a real `wav2small` bundle for the Pi, without `run/`; copy it to change it.

    The shipped one where there is one, else a developer's, else exported now.
    """
    for place in ("edge_ser/models/bundle", "work/dev/exported-bundle"):
        if (repository / place / MANIFEST_NAME).is_file():
            return repository / place
    from calibration import cache
    from firmware_export.export import export_bundle

    checkpoint: Path = request.getfixturevalue("dev_checkpoint")
    path = cache.cache_path(checkpoint)
    calibration = cache.load(path) if path.is_file() else _calibrate_on_probes(checkpoint)
    out = tmp_path_factory.mktemp("export") / "bundle"
    return export_bundle(
        checkpoint,
        "rpi",
        out,
        calibration=calibration,
        with_run=False,
        with_binaries=False,
        keep_failed=True,
    ).folder


def _calibrate_on_probes(checkpoint: Path) -> CalibrationCache:
    from calibration.cache import CalibrationCache
    from calibration.observe import observe
    from edge_ser.checkpoint import load_student
    from firmware_export.probes import probe_clips

    student, card = load_student(checkpoint)
    frontend = student.config.frontend.sha256()
    ranges = observe(student, probe_clips().values())
    return CalibrationCache(ranges, card["weights_sha256"], frontend, (), "probe clips", 0)


@pytest.fixture
def bundle_copy(exported_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the real bundle that a test may damage."""
    return Path(shutil.copytree(exported_bundle, tmp_path / "copy"))


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit the manifest's JSON in place and make its hashes right again."""
    path = folder / MANIFEST_NAME
    values = json.loads(path.read_text())
    change(values)
    for name in values["files"]:
        if (folder / name).is_file():
            data = (folder / name).read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            values["files"][name] = {"sha256": digest, "bytes": len(data)}
    path.write_text(json.dumps(values))
