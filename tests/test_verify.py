"""`edge-ser verify`: hashes, then golden vectors on each runtime, with the promised exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_fixtures import change_manifest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_ser.bundle import open_bundle, pack
from edge_ser.bundle.golden_key import GoldenKey
from edge_ser.cli import main
from edge_ser.errors import BundleRefused, EnvironmentMissing, InputError
from edge_ser.runtime import load_engine, verification
from edge_ser.runtime.availability import EngineStatus
from edge_ser.runtime.engine import Kernels
from edge_ser.runtime.verification import predict_golden, tolerance, verify_bundle

INT8_ONNX = "onnxruntime/model.int8.onnx"


def _verify(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["verify", *map(str, words)])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_real_bundle_as_folder_and_archive(
    exported_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _verify(exported_bundle, "--engine", "onnxruntime", capsys=capsys)
    assert (code, err) == (0, "")
    assert out.rstrip().endswith("\nverified")
    digest = pack(exported_bundle, tmp_path / "b.tar.gz")
    words = (tmp_path / "b.tar.gz", "--expect-sha256", digest, "--engine", "litert", "--json")
    code, out, _ = _verify(*words, capsys=capsys)
    report = json.loads(out)
    assert (code, report["verified"], report["sha256"]) == (0, True, digest)
    assert {check["engine"] for check in report["checks"]} == {"litert"}
    assert {
        (check["artefact"], check["kernels"]): check["tolerance"] for check in report["checks"]
    } == {
        ("model.int8.tflite", "default"): 5e-3,
        ("backbone.int8.tflite", "default"): 5e-3,
        ("backbone.int8.tflite", "reference"): 1e-3,
    }
    assert all(0 <= c["largest"] <= c["tolerance"] and c["clips"] > 0 for c in report["checks"])


def test_other_values_than_the_golden_ones_fail(
    bundle_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def shift(values: dict[str, Any]) -> None:
        clips = values["golden"]["expected"][INT8_ONNX]
        name = sorted(clips)[0]
        clips[name][2] += 2 * values["golden"]["tolerance"][INT8_ONNX]

    change_manifest(bundle_copy, shift)
    code, out, _ = _verify(bundle_copy, "--engine", "onnxruntime", capsys=capsys)
    assert code == 1
    assert "FAIL  onnxruntime" in out and "NOT verified" in out


def test_values_that_are_not_numbers_never_pass(
    exported_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(
        bundle: object, engine: str, artefact: str, kernels: Kernels
    ) -> tuple[dict[str, Any], str]:
        values, version = predict_golden(open_bundle(exported_bundle), engine, artefact, kernels)
        return {**values, sorted(values)[0]: (float("nan"), 0.0, 0.0)}, version

    monkeypatch.setattr(verification, "predict_golden", broken)
    report = verify_bundle(open_bundle(exported_bundle), ("onnxruntime",))
    assert not report.verified and not any(check.passed for check in report.checks)
    assert all(entry["largest"] is None for entry in report.to_dict()["checks"])
    json.dumps(report.to_dict(), allow_nan=False)


def test_bundle_without_golden_values_is_intact_but_not_verified(
    bundle_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(values: dict[str, Any]) -> None:
        values["golden"].update(expected={}, tolerance={})

    change_manifest(bundle_copy, without)
    code, out, _ = _verify(bundle_copy, capsys=capsys)
    assert code == 1
    assert "intact" in out and "no golden values" in out


def test_tflite_runtime_is_held_to_the_values_of_litert(
    exported_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine itself needs another environment; its bookkeeping does not."""
    with open_bundle(exported_bundle) as bundle:
        golden = bundle.manifest.golden
        monkeypatch.setattr(
            verification,
            "available_engines",
            lambda: {"tflite-runtime": EngineStatus("tflite-runtime", "2.14.0")},
        )
        monkeypatch.setattr(
            verification,
            "predict_golden",
            lambda bundle, engine, artefact, kernels: (
                golden.expected[str(GoldenKey("litert", artefact, kernels))],
                "2.14.0",
            ),
        )
        report = verify_bundle(bundle)
    assert report.verified
    assert {check.engine for check in report.checks} == {"tflite-runtime"}
    for check in report.checks:
        key = GoldenKey("litert", check.artefact, check.kernels)
        assert check.tolerance == 2 * golden.tolerance[str(key)]


def test_unknown_or_absent_engine(exported_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_bundle(exported_bundle) as bundle:
        with pytest.raises(InputError, match="no engine 'quantum'"):
            verify_bundle(bundle, ("quantum",))
        absent = {
            name: EngineStatus(name, reason=f"{name} is not installed", hint="pip install it")
            for name in ("litert", "tflite-runtime", "onnxruntime")
        }
        monkeypatch.setattr(verification, "available_engines", lambda: absent)
        with pytest.raises(EnvironmentMissing, match="cannot be checked"):
            verify_bundle(bundle, ("litert",))
        with pytest.raises(EnvironmentMissing, match="files are intact"):
            verify_bundle(bundle)


def test_what_a_stream_runs_is_verified_with_the_kernels_that_it_runs(
    exported_bundle: Path,
) -> None:
    with open_bundle(exported_bundle) as bundle:
        for engine in ("litert", "onnxruntime"):
            checks = verify_bundle(bundle, (engine,)).checks
            loaded = load_engine(bundle, engine)
            assert (loaded.artefact, loaded.kernels) in {(c.artefact, c.kernels) for c in checks}


def test_tolerance_of_an_engine_without_golden_values_is_refused(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle:
        assert tolerance(bundle, "litert", "backbone.int8.tflite") == 5e-3
        assert tolerance(bundle, "tflite-runtime", "backbone.int8.tflite") == 1e-2
        with pytest.raises(BundleRefused, match=r"no golden values litert/model\.int8\.onnx"):
            tolerance(bundle, "litert", "model.int8.onnx")


@pytest.mark.parametrize("kernels", ["default", "reference"])
def test_golden_keys_survive_the_round_trip(kernels: Kernels) -> None:
    key = GoldenKey("litert", "backbone.int8.tflite", kernels)
    assert GoldenKey.parse(str(key)) == key


@pytest.mark.parametrize("text", ["", "litert", "litert/", "/a.tflite", "litert/@reference"])
def test_other_golden_keys_are_refused(text: str) -> None:
    with pytest.raises(BundleRefused, match="not ENGINE/ARTEFACT"):
        GoldenKey.parse(text)


@pytest.mark.parametrize("as_json", [False, True])
def test_refusal_is_exit_code_4_with_a_sentence(
    stand_in: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    (stand_in / "model.int8.tflite").write_bytes(b"x")
    words = [stand_in, "--json"] if as_json else [stand_in]
    code, out, err = _verify(*words, capsys=capsys)
    assert code == 4
    assert "model.int8.tflite has 1 bytes" in err and "hint:" in err
    if as_json:
        assert json.loads(out)["verified"] is False
    else:
        assert out == ""


def test_wrong_expected_hash_is_refused(
    exported_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = _verify(exported_bundle, "--expect-sha256", "0" * 64, capsys=capsys)
    assert code == 4 and "not the expected" in err


def test_missing_bundle_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _verify(tmp_path / "none.tar.gz", capsys=capsys)
    assert code == 2 and "no bundle" in err


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_verify_never_shows_a_traceback(
    stand_in: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Any damage to any file, folder or archive: exit code 4, except where no file changes."""
    target = tmp_path / "b.tar.gz"
    pack(stand_in, target)
    packed = {path.name: path.read_bytes() for path in stand_in.rglob("*") if path.is_file()}
    if data.draw(st.booleans()):
        names = sorted(p.name for p in stand_in.rglob("*") if p.is_file())
        name = data.draw(st.sampled_from(names))
        target = next(stand_in.rglob(name))
    intact = target.read_bytes()
    start = data.draw(st.integers(2, len(intact) - 1))
    end = data.draw(st.integers(start, len(intact)))
    target.write_bytes(intact[:start] + data.draw(st.binary(max_size=20)) + intact[end:])
    try:
        bundle = target if target.name.endswith(".gz") else stand_in
        code = main(["verify", str(bundle), "--engine", "quantum"])
        if code == 2:
            # It was accepted, so the engine's name was looked at, before any model is loaded.
            with open_bundle(bundle) as accepted:
                for name in accepted.manifest.files:
                    path = accepted.root / name
                    assert path.read_bytes() == packed[path.name]
        else:
            assert code == 4
    finally:
        target.write_bytes(intact)


def test_nothing_in_a_bundle_is_executed(bundle_copy: Path, tmp_path: Path) -> None:
    """Scripts and modules that travel in a bundle stay data."""
    trap = tmp_path / "ran"
    (bundle_copy / "run").mkdir(exist_ok=True)
    (bundle_copy / "run/install.sh").write_text(f"touch {trap}\n")
    (bundle_copy / "sitecustomize.py").write_text(f"open({str(trap)!r}, 'w')\n")

    def list_them(values: dict[str, Any]) -> None:
        for name in ("run/install.sh", "sitecustomize.py"):
            values["files"][name] = {"sha256": "", "bytes": 0}

    change_manifest(bundle_copy, list_them)
    command = [sys.executable, "-m", "edge_ser", "verify", str(bundle_copy)]
    done = subprocess.run([*command, "--engine", "onnxruntime"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not trap.exists()


def test_golden_values_come_out_as_plain_numbers(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle:
        values, version = predict_golden(bundle, "onnxruntime", "model.int8.onnx")
    assert set(values) == set(bundle.manifest.golden.clips) and version
    assert all(type(number) is float for row in values.values() for number in row)
    assert np.isfinite(list(values.values())).all()
