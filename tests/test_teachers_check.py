"""The self-check against published outputs, and the licence's way from teacher to bundle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from teacher_checkpoints import wav2vec2_folder, wavlm_folder, weights_of

from edge_ser.checkpoint import read_card
from edge_ser.cli import main
from edge_ser.labelling.store import LabelStore
from edge_ser.teachers import load_teacher


def _pooled(folder: Path, signal: NDArray[np.float32]) -> NDArray[np.float64]:
    """(features + 1,) what the last layer reads, and 1 for its bias."""
    teacher = load_teacher(str(folder), device="cpu")
    network = teacher.network  # type: ignore[attr-defined]
    caught: list[torch.Tensor] = []
    handle = network.classifier.out_proj.register_forward_pre_hook(
        lambda _, inputs: caught.append(inputs[0])
    )
    teacher.predict(signal)
    handle.remove()
    return np.append(caught[0][0].double().numpy(), 1.0)


@pytest.fixture(scope="module")
def as_published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny wav2vec2 whose last layer is solved for, so that it gives the published outputs."""
    from edge_ser.teachers.anchors import anchors

    folder = wav2vec2_folder(tmp_path_factory.mktemp("published") / "wav2vec2")
    inputs = np.array([_pooled(folder, anchor.signal) for anchor in anchors()])
    solution = np.linalg.lstsq(inputs, np.array([anchor.adv for anchor in anchors()]), rcond=None)
    tensors = load_file(weights_of(folder))
    tensors["classifier.out_proj.weight"] = solution[0][:-1].T.astype(np.float32).copy()
    tensors["classifier.out_proj.bias"] = solution[0][-1].astype(np.float32)
    save_file(tensors, weights_of(folder))
    return folder


@pytest.fixture(scope="module")
def odyssey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny WavLM."""
    return wavlm_folder(tmp_path_factory.mktemp("odyssey") / "wavlm")


def _check(name: Path | str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    code = main(["label", "--check-teacher", "--teacher", str(name), "--device", "cpu", *more])
    return code, capsys.readouterr().out


def test_the_published_outputs_are_confirmed(
    as_published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = _check(as_published, capsys)
    assert code == 0
    assert "published   0.54608   0.60623   0.40432" in text
    assert "published   0.65634   0.63077   0.47623" in text
    assert text.count(": agrees") == 2
    assert f"SHA-256 {load_teacher(str(as_published)).weights_sha256}" in text
    assert text.endswith("the weights that the paper used\n") and "NOT" not in text


def test_bfloat16_is_judged_by_its_own_tolerance(
    as_published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = _check(as_published, capsys, "--precision", "bfloat16")
    assert code == 0 and "tolerance 0.031" in text


@pytest.mark.parametrize(("dimension", "shift"), [(0, 0.0015), (1, -0.02), (2, float("nan"))])
def test_other_weights_are_denied(
    dimension: int,
    shift: float,
    as_published: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(shutil.copytree(as_published, tmp_path / "other"))
    tensors = load_file(weights_of(folder))
    tensors["classifier.out_proj.bias"][dimension] += np.float32(shift)
    save_file(tensors, weights_of(folder))
    code, text = _check(folder, capsys)
    assert code == 1
    assert "DIFFERS" in text and "NOT the weights that the paper used" in text


def test_the_other_model_has_nothing_to_be_checked_by(
    odyssey: Path, as_published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = _check(odyssey, capsys)
    assert code == 1
    assert "only wav2vec2-msp-dim has any" in text and "not confirmed" in text
    code, text = _check(f"ensemble={as_published},{odyssey}", capsys)
    assert code == 0
    assert "only wav2vec2-msp-dim has any" in text and text.count(": agrees") == 2
    assert text.endswith("the weights that the paper used; the other is unchecked\n")


def test_what_cannot_be_checked_is_refused(
    as_published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["label", "--check-teacher"]) == 2
    assert "not one of the paper's teachers" in capsys.readouterr().err
    assert main(["label", "recordings", "--check-teacher", "--teacher", str(as_published)]) == 2
    assert "leave the folders and --store away" in capsys.readouterr().err
    assert main(["label", "--store", "labels"]) == 2
    assert "name the folders of audio" in capsys.readouterr().err


def test_the_anchors_are_the_documented_signals() -> None:
    from edge_ser.teachers.anchors import anchors

    zeros, noise = anchors()
    assert zeros.signal.shape == noise.signal.shape == (16_000,)
    assert not zeros.signal.any()
    state = np.random.RandomState(0)
    assert np.array_equal(noise.signal, state.normal(size=16_000).astype(np.float32))
    assert abs(noise.signal.mean()) < 0.02 and abs(noise.signal.std() - 1) < 0.02


def _teacher(licence: str) -> dict[str, str]:
    return {"id": "someone", "licence": licence, "weights_sha256": "a" * 64}


def test_a_later_teacher_does_not_wash_an_earlier_ones_licence_away() -> None:
    from firmware_export.provenance import (
        commercial_notice,
        licence_lines,
        model_licence,
        teacher_of,
    )

    free, bound = _teacher("Apache-2.0"), _teacher("CC-BY-NC-SA-4.0")
    card: dict[str, Any] = {"teacher": free, "history": [{"teacher": bound}]}
    assert teacher_of(card).licence == "Apache-2.0 AND CC-BY-NC-SA-4.0"
    assert model_licence(card) == "Apache-2.0 AND CC-BY-NC-SA-4.0"
    assert commercial_notice(card).startswith("NOT FOR COMMERCIAL USE")
    assert commercial_notice({"teacher": bound, "licence": "Apache-2.0"})
    assert not commercial_notice({"teacher": free, "history": [{"teacher": free}]})
    assert licence_lines({"teacher": bound})[0].startswith("NOT FOR COMMERCIAL USE")
    assert licence_lines({"teacher": free})[0] == "weights: Apache-2.0"


def _distil(corpus: Path, tmp_path: Path, *source: str) -> Path:
    """Two steps of distillation by the command line."""
    student = tmp_path / "student.safetensors"
    distill = ["distill", "--student", "wav2small-17k", "--audio", str(corpus), *source]
    budget = ["--items", "40", "--seconds", "0.5", "--steps", "2", "--batch", "4", "--jobs", "1"]
    work = ["--work", str(tmp_path / "work"), "--held-out", "tiny/03", "--out", str(student)]
    assert main([*distill, *budget, *work]) == 0
    return student


@pytest.mark.slow
def test_a_card_names_teacher_and_licence_but_no_paths(
    as_published: Path, odyssey: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    ensemble = f"ensemble={as_published},{odyssey}"
    expected = load_teacher(ensemble)
    card = read_card(_distil(tiny_corpus, tmp_path, "--teacher", ensemble))
    identity = {"id": "ensemble", "licence": "CC-BY-NC-SA-4.0 AND MIT"}
    assert card["teacher"] == {**identity, "weights_sha256": expected.weights_sha256}
    assert "--teacher ensemble=wav2vec2,wavlm" in card["command"]
    assert str(tmp_path) not in card["command"]


@pytest.mark.slow
def test_a_non_commercial_licence_travels_to_the_bundle(
    as_published: Path,
    odyssey: Path,
    tiny_corpus: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """label -> distill -> export with a tiny ensemble, by the commands that a user types."""
    pytest.importorskip("litert_torch", reason="the export needs the 'export' extra")
    ensemble, store = f"ensemble={as_published},{odyssey}", tmp_path / "labels"
    expected = load_teacher(ensemble)
    assert main(["label", str(tiny_corpus), "--store", str(store), "--teacher", ensemble]) == 0
    assert expected.licence in capsys.readouterr().out
    rows = list(LabelStore(store).rows())
    assert len(rows) == 20
    assert {row.teacher_licence for row in rows} == {"CC-BY-NC-SA-4.0 AND MIT"}
    assert {row.teacher_sha256 for row in rows} == {expected.weights_sha256}
    student = _distil(tiny_corpus, tmp_path, "--labels", str(store))
    card = read_card(student)
    assert card["teacher"]["licence"] == expected.licence
    capsys.readouterr()
    bundle = tmp_path / "bundle"
    export = ["export", "--checkpoint", str(student), "--calibration-audio", str(tiny_corpus)]
    options = ["--calibration-clips", "4", "--without-c", "--keep-failed", "--out", str(bundle)]
    assert main([*export, *options]) in (0, 1)  # two steps of training may fail the drift gate
    text = capsys.readouterr().out
    assert "NOT FOR COMMERCIAL USE: these weights were learned from ensemble" in text
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["teacher"] == card["teacher"]
    assert "NOT FOR COMMERCIAL USE" in (bundle / "run" / "README.md").read_text()
