"""Drift of a real bundle: the chain, the layers, the verb and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_ser.audio.corpus import Clip
from edge_ser.bundle import Bundle, open_bundle
from edge_ser.bundle.golden import write_clip
from edge_ser.checkpoint import sha256_of
from edge_ser.cli import main
from edge_ser.drift import chain as chain_module
from edge_ser.drift import clips as clip_sets
from edge_ser.drift.chain import FLOAT_ARTEFACT, build_chain, label_step
from edge_ser.drift.layers import layer_costs, sqnr_db
from edge_ser.drift.measure import measure
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.labelling.store import LabelRow, LabelStore
from edge_ser.runtime import EngineStatus

pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert.interpreter")


@pytest.fixture(scope="module")
def bundle(exported_bundle: Path) -> Iterator[Bundle]:
    with open_bundle(exported_bundle) as opened:
        yield opened


@pytest.fixture
def recordings(bundle: Bundle, tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for clip in clip_sets.golden_clips(bundle)[:3]:
        write_clip(folder / f"{clip.name.partition('/')[2]}.wav", clip.audio)
    return folder


def without_runtimes(monkeypatch: pytest.MonkeyPatch, *gone: str) -> None:
    """Make runtimes look as if they were not installed."""
    found = chain_module.available_engines()
    statuses = {
        name: EngineStatus(name, reason=f"{name} is not installed", hint="pip")
        if name in gone
        else status
        for name, status in found.items()
    }
    real = chain_module.load_engine

    def load(opened: Bundle, name: str, artefact: str, threads: int) -> object:
        if name in gone:
            raise EnvironmentMissing(f"{name} is not installed", "pip")
        return real(opened, name, artefact, threads)

    monkeypatch.setattr(chain_module, "available_engines", lambda: statuses)
    monkeypatch.setattr(chain_module, "load_engine", load)


def test_chain_from_float_onnx_to_the_host_route(bundle: Bundle) -> None:
    chain = build_chain(bundle)
    names = [step.info.name for step in chain.steps]
    assert names[:4] == ["float ONNX", "int8 ONNX", "int8 TFLite", "backbone + host"]
    assert chain.reference == "float ONNX"
    assert any("float torch: left out" in note for note in chain.notes)
    digest = bundle.manifest.files["model.int8.tflite"].sha256
    assert chain.steps[2].info.sha256 == digest


def test_int8_steps_stay_near_float_on_the_golden_clips(bundle: Bundle) -> None:
    chain = build_chain(bundle)
    compared = measure(
        chain.sources, clip_sets.golden_clips(bundle), chain.reference
    ).against_reference()
    for step in ("int8 ONNX", "int8 TFLite", "backbone + host"):
        assert 0 < compared[step].max < 0.05
        assert compared[step].mae < 0.01


def test_golden_float_values_stand_in_for_a_missing_float_model(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_chain(bundle)
    without_runtimes(monkeypatch, "onnxruntime")
    golden = clip_sets.golden_float_values(bundle, FLOAT_ARTEFACT)
    device = build_chain(bundle, golden=golden)
    assert device.steps[0].info.engine == "golden values of the bundle"
    clips = clip_sets.golden_clips(bundle)
    here = measure(device.sources, clips, device.reference).against_reference()
    full = measure(whole.sources, clips, whole.reference).against_reference()
    assert here["int8 TFLite"].mae == pytest.approx(full["int8 TFLite"].mae, abs=1e-3)


def test_no_float_reference_is_said(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    without_runtimes(monkeypatch, "onnxruntime")
    with pytest.raises(EnvironmentMissing, match="no float reference"):
        build_chain(bundle)


def test_absent_tflite_is_a_note(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    without_runtimes(monkeypatch, "litert", "tflite-runtime")
    chain = build_chain(bundle)
    assert [step.info.name for step in chain.steps] == ["float ONNX", "int8 ONNX"]
    assert any("litert is not installed" in note for note in chain.notes)


def test_another_checkpoint_is_refused(bundle: Bundle, dev_checkpoint_17k: Path) -> None:
    with pytest.raises(InputError, match="not the checkpoint of this bundle"):
        build_chain(bundle, checkpoint=dev_checkpoint_17k)


def test_layer_costs(bundle: Bundle) -> None:
    audio = [clip.audio for clip in clip_sets.golden_clips(bundle)[:2]]
    costs = layer_costs(bundle.path(FLOAT_ARTEFACT), bundle.path("model.int8.onnx"), audio)
    names = [cost.layer for cost in costs]
    assert names[:2] == ["frontend", "backbone.trunk.before.0"]
    assert names[-2:] == ["backbone.projections.values", "backbone.projections.scores"]
    assert len(names) == 10
    for cost in costs:
        assert cost.all_int8_db is not None and 15 < cost.all_int8_db < 70
        assert cost.alone_db is not None and cost.alone_db >= cost.all_int8_db - 1
        assert 0 < cost.alone_mae <= cost.alone_max < 0.05
    # Nothing is rounded before the input, so alone and together are the same there.
    assert costs[0].alone_db == pytest.approx(costs[0].all_int8_db, abs=1e-3)


def test_layer_costs_need_both_forms_of_one_network(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="no quantised layer"):
        layer_costs(bundle.path(FLOAT_ARTEFACT), bundle.path(FLOAT_ARTEFACT), [])


def test_sqnr_by_hand() -> None:
    assert sqnr_db([np.array([3.0, 4.0])], [np.array([3.0, 4.5])]) == pytest.approx(20.0)
    assert sqnr_db([np.ones(3)], [np.ones(3)]) is None


def test_windows_repeat_and_never_pad() -> None:
    short = np.arange(1, 4, dtype=np.float32)
    assert clip_sets.to_window(short, 7).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert clip_sets.to_window(short, 2).tolist() == [1, 2]


def test_limit_spreads_over_the_corpus() -> None:
    assert clip_sets.spread(range(10), 4) == [0, 2, 5, 7]
    assert clip_sets.spread(range(3), None) == [0, 1, 2]


def test_verb_writes_the_report_and_exits_0(
    exported_bundle: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["drift", str(exported_bundle), "--audio", str(recordings), "--out", str(out)]
    limits = ["--max-mae", "0.05", "--max-error", "0.1", "--perturbation-clips", "1"]
    assert main([*words, *limits, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "drift.json").read_text())
    assert printed["clips"] == 3
    assert printed["corpora"] == ["recordings, 3 files"]
    assert len(printed["perturbations"]) == 6
    assert len(printed["layers"]) == 10
    assert any("cut or repeated to 5 s" in note for note in printed["notes"])
    assert str(tmp_path) not in (out / "drift.html").read_text()


def test_a_teacher_run_here_and_its_stored_labels_give_the_same_column(
    exported_bundle: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clips of their own length, so that teacher and label store heard the same."""
    pytest.importorskip("pyarrow")
    teacher = _untrained_teacher(tmp_path / "teacher.safetensors")
    store = ["--store", str(tmp_path / "labels")]
    assert main(["label", str(recordings), "--teacher", str(teacher), *store]) == 0
    words = ["drift", str(exported_bundle), "--audio", str(recordings), "--own-length"]
    words += ["--max-mae", "0.05", "--max-error", "0.1", "--perturbation-clips", "0"]
    here, stored = tmp_path / "here", tmp_path / "stored"
    assert main([*words, "--teacher", str(teacher), "--out", str(here)]) == 0
    assert main([*words, "--labels", str(tmp_path / "labels"), "--out", str(stored)]) == 0
    assert "not the one that taught this student" in capsys.readouterr().out
    columns = []
    for folder in (here, stored):
        values = json.loads((folder / "drift.json").read_text())
        assert values["steps"][0] == "teacher"
        assert (values["chain"][0]["name"], values["chain"][0]["artefact"]) == ("teacher", "test")
        columns.append(values["against_reference"]["teacher"]["dimensions"])
        assert values["verdict"]["passed"] and "teacher" not in values["verdict"]["judged"]
        page = (folder / "drift.html").read_text()
        assert '<tr class="step"><th colspan="6">teacher <span' in page
        assert f"<summary>teacher against {values['reference']}</summary>" in page
    for dimension, figures in columns[0].items():
        assert figures["max"] > 1e-3
        assert figures == pytest.approx(columns[1][dimension], abs=1e-5)


def _untrained_teacher(path: Path) -> Path:
    """A teacher's file, made by the class that loads it."""
    import torch

    from edge_ser.frontend.spec import FrontEndSpec
    from edge_ser.teachers.cnn import CnnConfig, EmotionCnn, Layer
    from edge_ser.teachers.embedded import EmbeddedTeacher

    torch.manual_seed(0)
    spec = FrontEndSpec(n_fft=512, hop=160)
    card = {"id": "test", "licence": "Apache-2.0"}
    network = EmotionCnn(CnnConfig(spec, (Layer(8, 2, 2),), pooled=8))
    EmbeddedTeacher([network], card).save(path, card)
    return path


def test_verb_fails_under_a_limit(
    exported_bundle: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["drift", str(exported_bundle), "--audio", str(recordings), "--own-length"]
    rest = ["--limit", "2", "--out", str(tmp_path), "--perturbation-clips", "0"]
    assert main([*words, *rest, "--fail-under", "1.0"]) == 1
    output = capsys.readouterr().out
    assert "is below 1" in output
    assert "NOT within the limits" in output
    assert "own length" in output
    assert "<strong>FAIL</strong>" in (tmp_path / "drift.html").read_text()


def test_without_audio_it_uses_golden_clips_and_probes(bundle: Bundle) -> None:
    from edge_ser.cli.drift import _probes

    clips, line = _probes(bundle)
    names = [clip.name for clip in clips]
    assert f"golden/{next(iter(bundle.manifest.golden.clips))}" in names
    assert any(name.startswith("probe/") for name in names)
    assert len(set(names)) == len(names)
    assert "synthesised" in line


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--labels", "store"], "needs the labelled audio"),
        (["--labels", "store", "--teacher", "default"], "both name a teacher"),
        (["--audio", "nowhere"], "no audio folder"),
        (["--audio", ".", "--limit", "0"], "leaves no clips"),
    ],
)
def test_unusable_arguments_are_sentences(
    exported_bundle: Path, extra: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drift", str(exported_bundle), *extra]) == 2
    assert message in capsys.readouterr().err


def test_label_store_gives_the_teacher_column(recordings: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")

    files = clip_sets.find_files([recordings], None)
    labelled = files[:2]
    store = LabelStore(tmp_path / "labels")
    with pytest.raises(InputError, match="no label store"):
        clip_sets.teacher_labels(tmp_path / "labels", files)
    store.append([_row(clip, 0.1 * index) for index, clip in enumerate(labelled)])
    known, teacher = clip_sets.teacher_labels(tmp_path / "labels", files)
    assert set(known) == {clip_sets.name_of(clip) for clip in labelled}
    step = label_step(known, teacher)
    assert (step.info.artefact, step.info.sha256) == ("t", "0" * 64)
    result = measure(
        {step.info.name: step.source, "student": lambda audio: [0.1, 0.2, 0.3]},
        clip_sets.FileClips(files, 16_000),
        "student",
    )
    assert result.against_reference()["teacher"].clips == 2
    assert any("2 of 3 clips" in line for line in result.warnings())


def _row(clip: Clip, arousal: float) -> LabelRow:
    digest = sha256_of(clip.path)
    return LabelRow(digest, str(clip.path), 1.0, arousal, 0.5, 0.5, "t", "0" * 64, "CC0-1.0")
