"""Windows of a stream against the same audio cut out: what is compared, and that it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_speech

from edge_ser.bundle import open_bundle
from edge_ser.bundle.golden import write_clip
from edge_ser.cli import main
from edge_ser.drift.edge_effects import as_text, edge_effects
from edge_ser.errors import InputError


@pytest.mark.parametrize("engine", ["litert", "onnxruntime"])
def test_edges_matter_less_than_the_level_and_less_in_longer_windows(
    exported_bundle: Path, engine: str
) -> None:
    signal = np.concatenate([0.2 * synthetic_speech(15.0, 1), synthetic_speech(25.0, 2)])
    with open_bundle(exported_bundle) as bundle:
        short_edges, short_level, edges, level = edge_effects(
            bundle, engine, signal, (1.0, 5.0), 2.5
        )
    assert edges.windows >= 10 and edges.window_seconds == 5.0
    assert 0 < edges.mae.mean() < 0.02
    assert edges.mae.mean() < level.mae.mean() and edges.mae.mean() < short_edges.mae.mean()
    assert (edges.ccc <= 1).all() and (edges.largest >= edges.mae).all()
    text = as_text([short_edges, short_level, edges, level])
    assert "edges and level" in text and "5 s" in text


def test_too_little_audio_is_refused(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle, pytest.raises(InputError, match="0 windows"):
        edge_effects(bundle, "litert", synthetic_speech(4.0), (2.0,), 1.0)


def test_an_engine_without_rows_is_refused(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle, pytest.raises(InputError, match="on c"):
        edge_effects(bundle, "c", synthetic_speech(4.0), (2.0,), 1.0)


def test_the_command_needs_audio(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift", "--edge-effects"]) == 2
    assert "--edge-effects needs speech" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_measures_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(4):
        write_clip(tmp_path / f"{seed}.wav", synthetic_speech(12.0, seed))
    assert main(["drift", "--edge-effects", "--audio", str(tmp_path)]) == 0
    assert "edges (same level)" in capsys.readouterr().out
