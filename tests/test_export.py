"""The export as a whole: contents, gates, atomicity, reproducibility, the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY

from calibration import cache as calibration_cache
from calibration.cache import CalibrationCache
from calibration.observe import observe
from edge_ser.bundle import open_bundle
from edge_ser.checkpoint import load_student
from edge_ser.cli import main
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime.verification import verify_bundle

pytest.importorskip("litert_torch", reason="the export needs the 'export' extra")

from firmware_export import drift_gate, gates
from firmware_export import export as exporter
from firmware_export.export import ExportResult, export_bundle
from firmware_export.extras import EXTRAS
from firmware_export.probes import probe_clips
from firmware_export.wheel import write_wheel

MODEL_FILES = {
    "model.float.onnx",
    "model.int8.onnx",
    "model.int8.tflite",
    "backbone.int8.tflite",
    "backbone.int8.onnx",
}


@pytest.fixture(scope="session")
def cache(dev_checkpoint: Path) -> CalibrationCache:
    """Ranges over the probe clips, so that the test needs no corpus."""
    student, card = load_student(dev_checkpoint)
    return CalibrationCache(
        observe(student, probe_clips().values()),
        card["weights_sha256"],
        student.config.frontend.sha256(),
        (),
        "min-max over probe clips",
        0,
    )


@pytest.fixture(scope="session")
def exported(
    dev_checkpoint: Path, cache: CalibrationCache, tmp_path_factory: pytest.TempPathFactory
) -> ExportResult:
    """One whole export for rpi, but for its binaries (test_c_handoff.py has those)."""
    out = tmp_path_factory.mktemp("export") / "rpi"
    return export_bundle(dev_checkpoint, "rpi", out, calibration=cache, with_binaries=False)


def test_bundle_opens_and_every_engine_repeats_its_golden_vectors(exported: ExportResult) -> None:
    with open_bundle(exported.archive, exported.sha256) as bundle:
        report = verify_bundle(bundle, ("litert", "onnxruntime"))
    assert report.verified
    assert {check.artefact for check in report.checks} == MODEL_FILES
    assert exported.golden_error <= 1e-5


def test_folder_and_archive_hold_the_same_files(exported: ExportResult) -> None:
    with open_bundle(exported.folder) as folder, open_bundle(exported.archive) as archive:
        assert folder.manifest == archive.manifest
        assert folder.unlisted() == []
    assert {path.name for path in exported.folder.parent.iterdir()} == {"rpi", "rpi.tar.gz"}


def test_contents_are_as_documented(exported: ExportResult) -> None:
    with open_bundle(exported.folder) as bundle:
        files = set(bundle.manifest.files)
        student = bundle.manifest.student
        models = bundle.manifest.models
    assert files >= MODEL_FILES | {"backbone.json", "drift.html", "drift.json", "run/install.sh"}
    assert files >= {"c/README.md", "c/Makefile", "c/src/es_model.c", "c/include/edge_ser.h"}
    assert (student.parameters, student.time_stride, student.receptive_radius) == (72_477, 2, 12)
    assert student.macs_per_5s == pytest.approx(388.3e6, rel=1e-3)
    assert models["model.int8.tflite"].fixed_samples == 80_000
    assert models["model.int8.onnx"].fixed_samples is None
    assert set(models["backbone.int8.tflite"].quantisation) == {"log_mel", "values", "scores"}


def test_sizes_pass_the_gates(exported: ExportResult) -> None:
    assert exported.sizes["model.int8.onnx"] <= 115_000
    assert exported.sizes["model.int8.tflite"] <= 130_000
    assert exported.sizes["backbone.int8.tflite"] <= 97_000
    assert exported.sizes["backbone.int8.onnx"] <= 97_000


def test_drift_of_every_int8_file_is_in_the_manifest(exported: ExportResult) -> None:
    with open_bundle(exported.folder) as bundle:
        drift = bundle.manifest.drift
    assert drift["passed"] and drift["reference"] == "float torch"
    assert len(drift["steps"]) == 4
    assert drift["steps"]["float ONNX"]["max"] < 1e-5
    for figures in drift["steps"].values():
        assert 0 < figures["mae"] <= 0.004 and figures["max"] <= 0.02


def test_the_drift_report_inside_is_the_full_one(exported: ExportResult) -> None:
    """What `edge-ser drift` writes: all its parts, its step names, its page."""
    values = json.loads((exported.folder / "drift.json").read_text())
    steps = ["float torch", "float ONNX", "int8 ONNX", "int8 TFLite", "backbone + host"]
    assert values["steps"] == [step["name"] for step in values["chain"]] == steps
    assert values == json.loads(json.dumps(exported.drift.to_dict()))
    assert {name: len(clips) for name, clips in values["worst_clips"].items()} == dict.fromkeys(
        steps[1:], 8
    )
    assert len(values["layers"]) == 10
    assert [found["clips"] for found in values["perturbations"].values()] == [8] * 6
    for found in values["perturbations"].values():
        assert list(found["against_reference"]) == steps[1:]
    assert "perturbations: measured on 8 of the 14 clips, evenly spaced" in values["notes"]
    assert "layer costs: measured on 6 of the 14 clips, evenly spaced" in values["notes"]
    page = (exported.folder / "drift.html").read_text()
    assert page.count("<svg") == 6 * len(steps[1:])
    for heading in ("Worst clips", "Under perturbations", "What each layer costs"):
        assert f"<h2>{heading}</h2>" in page


def test_the_wheel_inside_is_this_package(exported: ExportResult) -> None:
    (wheel,) = (exported.folder / "run").glob("edge_ser-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert (
            archive.read("edge_ser/__init__.py")
            == (REPOSITORY / "edge_ser/__init__.py").read_bytes()
        )
    assert "edge_ser/cli/stream.py" in names
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)


def test_wheel_bytes_are_reproducible(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (write_wheel(tmp_path / name).read_bytes() for name in "ab")
    assert first == second


def test_nothing_of_the_exporting_machine_is_in_the_bundle(exported: ExportResult) -> None:
    home = str(REPOSITORY).encode()
    with open_bundle(exported.folder) as bundle:
        own = [name for name in bundle.manifest.files if not name.endswith(".whl")]
    for name in ("manifest.json", *own):
        assert home not in (exported.folder / name).read_bytes(), name


def test_an_existing_bundle_is_kept_unless_forced(
    exported: ExportResult, dev_checkpoint: Path, cache: CalibrationCache
) -> None:
    before = exported.archive.read_bytes()
    with pytest.raises(InputError, match="exists") as caught:
        export_bundle(
            dev_checkpoint, "rpi", exported.folder, calibration=cache, with_binaries=False
        )
    assert "--force" in caught.value.hint
    assert exported.archive.read_bytes() == before


def test_a_file_over_its_size_gate_fails_and_leaves_nothing(
    dev_checkpoint: Path,
    cache: CalibrationCache,
    exported: ExportResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(gates.SIZE_GATES, "wav2small", {"model.int8.onnx": 1_000})
    monkeypatch.setattr(exporter, "write_models", _copy_models(exported.folder))
    with pytest.raises(GateFailed, match=r"model\.int8\.onnx has .* the gate is 1,000"):
        export_bundle(
            dev_checkpoint,
            "rpi",
            tmp_path / "out" / "rpi",
            calibration=cache,
            with_binaries=False,
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_drift_over_its_gate_fails_and_leaves_nothing(
    dev_checkpoint: Path,
    cache: CalibrationCache,
    exported: ExportResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The models of other weights stand for a conversion gone wrong."""
    from safetensors.torch import load_file

    from edge_ser.checkpoint import read_card, save_weights

    weights = load_file(dev_checkpoint)
    weights["head.out.bias"] = weights["head.out.bias"] + 0.05
    moved = tmp_path / "moved.safetensors"
    save_weights(moved, weights, read_card(dev_checkpoint))
    frontend = load_student(moved)[0].config.frontend.sha256()
    other = CalibrationCache(
        cache.ranges, read_card(moved)["weights_sha256"], frontend, (), "test", 0
    )
    monkeypatch.setattr(exporter, "write_models", _copy_models(exported.folder))
    few = dict(list(probe_clips().items())[:2])
    monkeypatch.setattr(drift_gate, "probe_clips", lambda: few)
    with pytest.raises(GateFailed, match="drift gate failed") as caught:
        export_bundle(
            moved, "rpi", tmp_path / "out" / "rpi", calibration=other, with_binaries=False
        )
    assert "max error" in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def _copy_models(source: Path):  # type: ignore[no-untyped-def]
    """A `write_models` that takes finished files, to spare the tests the slow conversion."""

    def copy(student: object, cache: object, folder: Path, metadata: object) -> object:
        for name in (*MODEL_FILES, "backbone.json"):
            (folder / name).write_bytes((source / name).read_bytes())
        with open_bundle(source) as bundle:
            return bundle.manifest.models

    return copy


def test_a_stale_cache_is_refused_before_any_work(
    dev_checkpoint: Path, cache: CalibrationCache, tmp_path: Path
) -> None:
    stale = CalibrationCache(cache.ranges, "e" * 64, cache.frontend_sha256, (), "test", 0)
    with pytest.raises(InputError, match="stale") as caught:
        export_bundle(
            dev_checkpoint, "rpi", tmp_path / "rpi", calibration=stale, with_binaries=False
        )
    assert "--calibration-audio" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_too_few_real_clips_are_refused_before_any_work(
    dev_checkpoint: Path, cache: CalibrationCache, exported: ExportResult, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="needs 200 real clips, 6 were found"):
        export_bundle(
            dev_checkpoint,
            "rpi",
            tmp_path / "rpi",
            calibration=cache,
            audio=[exported.folder / "golden"],
            with_binaries=False,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "rpy"], "did you mean 'rpi'"),
        (["--student", "wav3small"], "known students: wav2small"),
        (["--checkpoint", "none.safetensors"], "no calibration cache"),
        (["--write-calibration", "x.json"], "--calibration-audio"),
        (["--calibration", "a", "--calibration-audio", "b", "--checkpoint", "c"], "exclude"),
        (
            ["--calibration-audio", ".", "--licence", "x", "--checkpoint", "none.safetensors"],
            "no checkpoint file",
        ),
    ],
)
def test_unusable_options_are_explained(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *options]) == 2
    assert message in capsys.readouterr().err


def _export_for(
    target: str,
    exported: ExportResult,
    checkpoint: Path,
    cache: CalibrationCache,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ExportResult:
    """A whole export but for the conversion, which is the same for every target."""
    few = dict(list(probe_clips().items())[:2])
    monkeypatch.setattr(exporter, "write_models", _copy_models(exported.folder))
    monkeypatch.setattr(drift_gate, "probe_clips", lambda: few)
    return export_bundle(checkpoint, target, out, calibration=cache, keep_failed=True)


@pytest.mark.device
def test_a_microcontroller_gets_firmware_and_no_python(
    exported: ExportResult,
    dev_checkpoint: Path,
    cache: CalibrationCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "bundle"
    result = _export_for("cortex-m4", exported, dev_checkpoint, cache, out, monkeypatch)
    with open_bundle(result.archive, result.sha256) as bundle:
        manifest = bundle.manifest
        assert verify_bundle(bundle, ("litert",)).verified
    folders = {name.split("/")[0] for name in manifest.files if "/" in name}
    assert folders == {"c", "golden"}
    assert {"c/prebuilt/libedge_ser.a", "c/prebuilt/edge-ser-demo.elf"} <= set(manifest.files)
    assert manifest.memory["c_flash"].value <= 128_000
    assert manifest.memory["c_buffer"].value <= 64_000
    assert manifest.c_engine and manifest.c_engine.layout == "dsp"
    assert result.memory == manifest.memory


@pytest.mark.slow
@pytest.mark.parametrize("target", ["android", "tflm", "ethos-u55"])
def test_other_hand_offs_have_folders_of_their_own(
    target: str,
    exported: ExportResult,
    dev_checkpoint: Path,
    cache: CalibrationCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "bundle"
    result = _export_for(target, exported, dev_checkpoint, cache, out, monkeypatch)
    extra = EXTRAS[target]
    with open_bundle(result.archive) as bundle:
        names = set(bundle.manifest.files)
        assert bundle.manifest.c_engine is None
        assert verify_bundle(bundle, ("litert",)).verified
    assert {name.split("/")[0] for name in names if "/" in name} == {extra.folder, "golden"}
    assert f"{extra.folder}/README.md" in names


@pytest.mark.slow
def test_same_inputs_same_archive_in_another_process(
    exported: ExportResult, dev_checkpoint: Path, cache: CalibrationCache, tmp_path: Path
) -> None:
    ranges, out = tmp_path / "ranges.json", tmp_path / "again"
    cache.save(ranges)
    command = [sys.executable, "-m", "edge_ser", "export", "--target", "rpi", "--out", str(out)]
    command += ["--checkpoint", str(dev_checkpoint), "--calibration", str(ranges)]
    command += ["--without-binaries"]
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=REPOSITORY, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert exported.sha256 in done.stdout
    assert (tmp_path / "again.tar.gz").read_bytes() == exported.archive.read_bytes()


@pytest.mark.slow
def test_calibrated_and_gated_on_real_speech(
    dev_checkpoint: Path, shared_data: Path, tmp_path: Path
) -> None:
    from calibration.calibrate import calibrate
    from calibration.candidates import candidates

    student, card = load_student(dev_checkpoint)

    def label(audio: np.ndarray) -> np.ndarray:
        return np.array([np.sqrt(np.mean(audio**2)), 0.5, 0.5])

    corpora = [shared_data / "emodb", shared_data / "speech"]
    found = candidates(corpora, label, per_corpus=100)
    cache = calibrate(student, card["weights_sha256"], found)
    cache.save(tmp_path / "cache.json")
    result = export_bundle(
        dev_checkpoint,
        "linux-x86_64",
        tmp_path / "bundle",
        calibration=calibration_cache.load(tmp_path / "cache.json"),
        audio=corpora,
        audio_clips=200,
        with_run=False,
        with_binaries=False,
    )
    assert result.drift.verdict.passed and result.drift.verdict.ccc_judged
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert manifest["calibration"]["clips"] == 64
    assert not (result.folder / "run").exists()
