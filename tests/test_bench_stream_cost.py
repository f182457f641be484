"""The cost of a stream: what is measured, how it is judged, what is said of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from edge_ser.bench.machine import Machine
from edge_ser.bench.stream_cost import GOAL, StreamCost, StreamCosts, measure_stream_cost
from edge_ser.bench.stream_cost_report import as_markdown, as_text
from edge_ser.bundle import open_bundle
from edge_ser.cli import main
from edge_ser.errors import InputError

JUDGED = StreamCost(
    "litert", "2.3.0", "backbone.int8.tflite", "backbone.int8.tflite", 2.0, 20.0, 10.0, 9.0, True
)
OTHER = dataclasses.replace(JUDGED, window_artefact="model.int8.tflite", ratio=6.0, judged=False)
REPORT = StreamCosts(
    "ab" * 32,
    Machine("a processor", 2, 0.1, "Linux x86_64", "3.11"),
    5.0,
    0.25,
    7,
    1,
    (JUDGED, OTHER),
    ("tflite-runtime: not installed",),
)


def test_every_engine_is_measured_both_ways(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle:
        report = measure_stream_cost(bundle, 2.0, 0.25, 3, 1, progress=False)
    pairs = {(cost.engine, cost.window_artefact) for cost in report.costs}
    assert pairs >= {
        ("litert", "backbone.int8.tflite"),
        ("onnxruntime", "backbone.int8.onnx"),
        ("onnxruntime", "model.int8.onnx"),
        ("c", "backbone.int8.tflite"),
    }
    assert ("litert", "model.int8.tflite") not in pairs, "it takes 5 s only"
    judged = [cost.window_artefact for cost in report.costs if cost.judged]
    assert judged == ["backbone.int8.tflite", "model.int8.onnx", "backbone.int8.tflite"]
    for cost in report.costs:
        assert cost.incremental_ms > 0 and cost.window_ms > 0 and cost.lowest <= cost.ratio * 1.01
        assert cost.ratio > 1, "a window of eight hops costs more than a hop"


def test_a_hop_that_an_engine_cannot_have_leaves_it_out(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle:
        report = measure_stream_cost(bundle, 1.001, 1.5, 1, 1, progress=False)
    assert {cost.engine for cost in report.costs} == {"litert", "onnxruntime"}
    assert any(line.startswith("c: ") and "cannot cut" in line for line in report.absent)


def test_a_grid_that_no_engine_takes_is_the_users_mistake(exported_bundle: Path) -> None:
    with (
        open_bundle(exported_bundle) as bundle,
        pytest.raises(InputError, match="a hop of 9999 s is not supported"),
    ):
        measure_stream_cost(bundle, 5.0, 9_999.0, 3, 1, progress=False)


def test_no_rounds_are_refused(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle, pytest.raises(InputError, match="round"):
        measure_stream_cost(bundle, 5.0, 0.25, 0, 1, progress=False)


def test_the_goal_is_judged_on_the_windows_that_an_engine_would_compute() -> None:
    assert REPORT.met and JUDGED.ratio >= GOAL > OTHER.ratio
    slow = dataclasses.replace(JUDGED, ratio=7.9)
    assert not dataclasses.replace(REPORT, costs=(slow, OTHER)).met
    assert not dataclasses.replace(REPORT, costs=(OTHER,)).met


def test_everything_measured_is_said() -> None:
    text, page = as_text(REPORT), as_markdown(REPORT, "edge-ser bench --streaming")
    for said in (text, page):
        assert "10.0x" in said and "6.0x" in said and "model.int8.tflite" in said
        assert "met" in said and "not judged" in said and "tflite-runtime: not installed" in said
        assert "window 5 s, hop 0.25 s" in said and "a processor" in said
    assert "Written by `edge-ser bench --streaming`" in page


def test_a_busy_machine_is_said() -> None:
    busy = dataclasses.replace(REPORT, machine=dataclasses.replace(REPORT.machine, load=1.5))
    assert "busy" not in as_text(REPORT)
    for said in (as_text(busy), as_markdown(busy, "edge-ser bench --streaming")):
        assert "the machine was busy (load 1.5 on 2 cores)" in said


def test_the_command_writes_figures_and_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, page = tmp_path / "cost.json", tmp_path / "COST.md"
    command = ["bench", "--streaming", "--rounds", "2", "--window", "1", "--hop", "0.5"]
    assert main([*command, "--json", str(figures), "--markdown", str(page)]) == 0
    values = json.loads(figures.read_text())
    assert (values["schema"], values["kind"], values["rounds"]) == (1, "stream-cost", 2)
    assert {"met", "judged", "ratio"} <= set(values["costs"][0])
    assert "--window 1 --hop 0.5 --rounds 2" in page.read_text()
    assert "litert" in capsys.readouterr().out
