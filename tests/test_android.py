"""The Android hand-off says what the manifest says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from bundle_fixtures import change_manifest

from edge_ser.bundle import open_bundle
from edge_ser.errors import InputError
from firmware_export.android import write_android


def write(bundle: Path, folder: Path) -> tuple[str, str]:
    """(Kotlin, README) of a bundle."""
    with open_bundle(bundle) as opened:
        assert write_android(opened, folder) == {}
    return (folder / "EdgeSer.kt").read_text(), (folder / "README.md").read_text()


def constants(kotlin: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"const val (\w+) = (\d+)", kotlin)}


def test_sizes_and_order(exported_bundle: Path, tmp_path: Path) -> None:
    kotlin, readme = write(exported_bundle, tmp_path)
    assert constants(kotlin) == {"SAMPLE_RATE": 16_000, "SAMPLES": 80_000, "OUTPUTS": 3}
    assert "Reading(result[0][0], result[0][1], result[0][2])" in kotlin
    assert '// "audio", [1, 80000] float32' in kotlin
    assert "| input | `audio` | [1, 80000] | float32" in readme
    assert "[1, 3] | float32: arousal, dominance, valence, about 0..1" in readme


def test_sizes_follow_the_manifest(bundle_copy: Path, tmp_path: Path) -> None:
    def shorten(manifest: dict[str, Any]) -> None:
        model = manifest["models"]["model.int8.tflite"]
        model["fixed_samples"] = 8_000
        model["inputs"][0]["shape"] = [1, 8_000]

    change_manifest(bundle_copy, shorten)
    kotlin, readme = write(bundle_copy, tmp_path / "android")
    assert constants(kotlin)["SAMPLES"] == 8_000
    assert "up to 0.5 s of speech" in kotlin and "8000 samples are 0.5 s" in readme


def test_golden_values_are_of_clips_of_the_fixed_length(
    exported_bundle: Path, tmp_path: Path
) -> None:
    """The short clip's recorded value came through the backbone, which the Kotlin class has not."""
    _, readme = write(exported_bundle, tmp_path)
    with open_bundle(exported_bundle) as bundle:
        golden = bundle.manifest.golden
    expected = golden.expected["litert/model.int8.tflite"]
    rows = dict(re.findall(r"\| golden/([\w-]+)\.wav \| (.*) \|", readme))
    assert set(rows) == set(expected) - {"short-speech"}
    for clip, row in rows.items():
        found = [float(cell) for cell in row.split(" | ")]
        assert found == pytest.approx(expected[clip], abs=5e-5)
    assert f"within\n{golden.tolerance['litert/model.int8.tflite']:g} on" in readme


def test_every_placeholder_is_filled(exported_bundle: Path, tmp_path: Path) -> None:
    """What is left of `$` is Kotlin's own string templates."""
    kotlin, readme = write(exported_bundle, tmp_path)
    assert "$" not in readme
    assert sorted(re.findall(r"\$\{?[\w.]+", kotlin)) == ["$SAMPLES", "$shapes", "${pcm.size"]


def test_a_bundle_without_the_waveform_model_is_refused(bundle_copy: Path, tmp_path: Path) -> None:
    def drop(manifest: dict[str, Any]) -> None:
        del manifest["models"]["model.int8.tflite"]
        golden = manifest["golden"]
        for part in ("expected", "tolerance"):
            golden[part] = {k: v for k, v in golden[part].items() if "model.int8.tflite" not in k}

    change_manifest(bundle_copy, drop)
    with open_bundle(bundle_copy) as bundle, pytest.raises(InputError, match="fixed length"):
        write_android(bundle, tmp_path / "android")
    assert not (tmp_path / "android").exists()
