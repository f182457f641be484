"""Calibration through the command line: a cache from folders, and the comparison table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_speech
from numpy.typing import NDArray

import edge_ser.teachers
from calibration import cache as calibration_cache
from edge_ser.checkpoint import read_card
from edge_ser.cli import main

pytest.importorskip("soundfile", reason="reading audio needs the 'audio' extra")
pytest.importorskip("onnxsim", reason="the comparison exports; it needs the 'export' extra")

import soundfile

from firmware_export import compare_calibration


@dataclass(frozen=True)
class LoudnessTeacher:
    """Labels that can be checked by hand."""

    id: str = "loudness"
    licence: str = "CC0-1.0"
    weights_sha256: str = "0" * 64

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        peak = np.abs(audio).max()
        return np.array([peak, 1 - peak, 0.5], dtype=np.float32)


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders of eight clips each, and a teacher for them."""
    monkeypatch.setattr(edge_ser.teachers, "load_teacher", lambda name: LoudnessTeacher())
    folders = tmp_path / "first", tmp_path / "second"
    for offset, folder in enumerate(folders):
        folder.mkdir()
        for seed in range(8):
            clip = synthetic_speech(1.0, seed + 8 * offset) * (0.2 + 0.1 * seed)
            soundfile.write(folder / f"{seed}.wav", clip, 16_000)
    return folders


def test_cache_from_two_corpora(
    corpora: tuple[Path, Path], dev_checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "x.calibration.json"
    options = ["export", "--checkpoint", str(dev_checkpoint), "--calibration-clips", "10"]
    options += [word for folder in corpora for word in ("--calibration-audio", str(folder))]
    options += ["--licence", "first=CC0-1.0", "--write-calibration", str(out)]
    assert main(options) == 0
    cache = calibration_cache.load(out)
    assert len(cache.clips) == 10
    assert cache.checkpoint_sha256 == read_card(dev_checkpoint)["weights_sha256"]
    assert {(clip.corpus, clip.licence) for clip in cache.clips} == {
        ("first", "CC0-1.0"),
        ("second", "not stated"),
    }
    for clip in cache.clips:
        assert clip.adv[0] + clip.adv[1] == pytest.approx(1.0, abs=1e-6)
    assert main(options) == 0
    assert calibration_cache.load(out) == cache


def test_comparison_table(
    corpora: tuple[Path, Path],
    dev_checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(compare_calibration, "COUNTS", (2, 8))
    monkeypatch.setattr(compare_calibration, "RANDOM_SEEDS", 2)
    options = ["export", "--checkpoint", str(dev_checkpoint), "--compare-calibration"]
    options += [word for folder in corpora for word in ("--calibration-audio", str(folder))]
    assert main(options) == 0
    table = capsys.readouterr().out.splitlines()
    rows = [line for line in table if line.startswith("| ") and line[2].isdigit()]
    assert [row.split("|")[2].split(",")[0].strip() for row in rows] == [
        "chosen",
        "random",
        "chosen",
        "random",
        *["chosen"] * 3,
    ]
    assert [float(row.split("|")[3]) for row in rows] == [1.5] * 4 + [1.0, 1.25, 2.0]
    radius = {int(row.split("|")[1]): float(row.split("|")[4]) for row in rows[:4:2]}
    assert radius[8] < radius[2]


def test_comparison_needs_enough_clips(
    corpora: tuple[Path, Path], dev_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["export", "--checkpoint", str(dev_checkpoint), "--compare-calibration"]
    assert main([*options, "--calibration-audio", str(corpora[0])]) == 2
    assert "too few to compare" in capsys.readouterr().err
