"""`edge-ser students`: rows from cards and manifests, the claim, the forms, the errors."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the catalogue builds torch modules")

from edge_ser.bench.latency import Timing
from edge_ser.bundle import open_bundle
from edge_ser.checkpoint import read_card
from edge_ser.cli import main
from edge_ser.errors import InputError
from edge_ser.models import shipped
from edge_ser.students import claim, render, table
from edge_ser.students.catalogue import STUDENTS


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    """The card of the shipped student."""
    return read_card(shipped("wav2small.safetensors"))


@pytest.fixture(scope="module")
def row(card: dict[str, Any]) -> table.Row:
    """The row of the shipped student."""
    with open_bundle(shipped("bundle")) as bundle:
        return table.row_of(card, bundle.manifest)


def test_a_row_says_what_card_and_manifest_say(row: table.Row, card: dict[str, Any]) -> None:
    assert (row.student, row.parameters) == ("wav2small", 72_477)
    assert row.mmac_per_second == pytest.approx(388_308_007 / 5e6, abs=0.01)
    assert row.weights_sha256 == card["weights_sha256"]
    files = {name: shipped(f"bundle/{name}").stat().st_size for name in row.int8_bytes}
    assert row.int8_bytes == files and len(files) == 2
    evaluation = card["metrics"]["nemo_dev"]
    assert row.to_teacher["valence"] == evaluation["to_teacher"]["valence"]["ccc"]
    assert row.auc == evaluation["auc_model"]
    assert row.drift_passed is True
    assert 0.999 < row.drift["int8 ONNX"]["ccc"] <= 1


def test_a_row_without_bundle_or_evaluation_has_gaps(card: dict[str, Any]) -> None:
    bare = table.row_of({**card, "metrics": {}}, None)
    assert (bare.int8_bytes, bare.drift_passed, bare.to_teacher, bare.clips) == ({}, None, {}, 0)
    assert table.mean_ccc(bare) is None
    line = render.cells([bare], {})[1]
    assert line[:3] == ["wav2small", "72,477", "77.7"] and set(line[3:]) == {"-"}


def test_another_checkpoints_bundle_is_refused(card: dict[str, Any]) -> None:
    other = {**card, "weights_sha256": "0" * 64}
    with (
        open_bundle(shipped("bundle")) as bundle,
        pytest.raises(InputError, match="exported from weights"),
    ):
        table.row_of(other, bundle.manifest)


def test_recording_replaces_the_row(tmp_path: Path, row: table.Row) -> None:
    results = tmp_path / "results.json"
    for _ in range(2):
        code = main(
            ["students", "--record", str(shipped("wav2small.safetensors")),
             "--bundle", str(shipped("bundle")), "--results", str(results)]
        )  # fmt: skip
        assert code == 0
    assert table.read_results(results) == [row]


@pytest.mark.parametrize("words", [["--record", "x.safetensors"], ["--bundle", "x"]])
def test_half_a_record_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["students", *words]) == 2
    assert "needs both a checkpoint and its bundle" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 2, "rows": []}', '{"schema": 1, "rows": [{"student": "x"}]}'],
)
def test_damaged_results_are_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    assert main(["students", "--results", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_teacher_has_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--record", str(shipped("teacher.safetensors")), "--bundle", str(shipped("bundle"))]
    assert main(["students", *words]) == 2
    assert "not a student" in capsys.readouterr().err


def test_every_form_has_all_known_students(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["students", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    names = [entry["student"] for entry in values["students"]]
    assert names == [name for name in STUDENTS if name in names] and "wav2small" in names
    assert main(["students", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[2 : 2 + len(names)]] == names
    assert len({line.count("|") for line in lines[: 2 + len(names)]}) == 1
    assert main(["students"]) == 0
    assert set(names) <= set(capsys.readouterr().out.splitlines())


def test_latencies_stand_beside_and_as_ratios(row: table.Row) -> None:
    slow = dataclasses.replace(row, student="mobilenetv4-s")
    timings = {
        "wav2small": Timing(10.0, 11.0, 9.0, 5),
        "mobilenetv4-s": Timing(25.0, 26.0, 24.0, 5),
    }
    header, first, second = render.cells([row, slow], timings)
    assert header[-2:] == ["ms per 5 s", "times the fastest"]
    assert first[-2:] == ["10.0", "1.0"] and second[-2:] == ["25.0", "2.5"]


def test_the_claim_is_judged_from_the_rows(row: table.Row) -> None:
    assert claim.verdict([row]).startswith("Not tested")
    better = {name: {**f, "value": f["value"] + 0.02} for name, f in row.to_teacher.items()}
    large = dataclasses.replace(
        row, student="mobilenetv4-s", parameters=40 * row.parameters, to_teacher=better
    )
    sentence = claim.verdict([row, large])
    assert "1/40 of the parameters" in sentence and "valence -2.0" in sentence
    assert "the same teacher" in sentence
    other = dataclasses.replace(large, teacher={**large.teacher, "weights_sha256": "0" * 64})
    assert "different teachers" in claim.verdict([row, other])


def test_recorded_rows_are_of_known_students_with_their_command() -> None:
    for entry in table.read_results():
        assert entry.student in STUDENTS
        assert entry.command.startswith(f"edge-ser distill --student {entry.student}")
        assert "--teacher default" in entry.command


@pytest.mark.slow
def test_latency_of_two_students_in_one_run() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxsim", reason="the export needs the 'export' extra")
    from firmware_export.student_latency import measure_students

    timings = measure_students(["wav2small-17k", "mobilenetv3-s"], rounds=3)
    assert all(0 < timing.min_ms <= timing.p50_ms for timing in timings.values())
    assert {timing.runs for timing in timings.values()} == {3}


def test_students_without_figures_are_counted(tmp_path: Path) -> None:
    nothing = tmp_path / "results.json"
    nothing.write_text('{"schema": 1, "rows": []}')
    rows = {row.student: row for row in table.all_rows(list(STUDENTS), nothing)}
    assert list(rows) == list(STUDENTS)
    assert rows["wav2small"].to_teacher
    assert rows["mobilenetv3-s"] == table.counted_row("mobilenetv3-s")
    assert rows["mobilenetv3-s"].parameters == 2_216_419
    assert not rows["mobilenetv3-s"].to_teacher
    assert claim.verdict(list(rows.values())).startswith("Not tested")
