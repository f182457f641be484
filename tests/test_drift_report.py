"""The report's two files: what they state, that they are self-contained, and hostile names."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ser.drift.files import write
from edge_ser.drift.gate import Gate, judge
from edge_ser.drift.html import render
from edge_ser.drift.layers import LayerCost
from edge_ser.drift.measure import DriftClip, Source, measure
from edge_ser.drift.report import DriftReport, StepInfo, measure_conditions

HOSTILE = '<script>alert("x")</script>&.wav'


def shifted(by: float) -> Source:
    def predict(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        return audio[:3] + np.float32(by)

    return predict


def clips(count: int = 30) -> list[DriftClip]:
    random = np.random.default_rng(0)
    names = [f"{index}{HOSTILE}" for index in range(count)]
    return [DriftClip(name, random.uniform(0, 1, 16_000).astype(np.float32)) for name in names]


def report(error: float = 0.001, constant: bool = False) -> DriftReport:
    engines: dict[str, Source] = {"float ONNX": shifted(0), "int8 TFLite": shifted(error)}
    if constant:
        engines["broken"] = lambda audio: [0.5, 0.5, 0.5]
    result = measure(engines, clips())
    return DriftReport(
        title="wav2small for rpi",
        facts={"checkpoint": "ab" * 32},
        corpora=("emodb, 30 files",),
        steps=(StepInfo("int8 TFLite", "model.int8.tflite", "litert 2.3.0", "cd" * 32),),
        result=result,
        verdict=judge(result, Gate()),
        conditions=measure_conditions(engines, clips(5), "float ONNX", seed=0),
        layers=(LayerCost("backbone.trunk.pool", 39.2, None, 0.0, 0.0),),
        notes=("int8 ONNX: left out",),
    )


@cache
def page_of(error: float = 0.001, constant: bool = False) -> str:
    return render(report(error, constant))


class _Page(HTMLParser):
    """Collects tags and every address that the page could load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "data"):
                self.addresses.append(value or "")


def parse(page: str) -> _Page:
    parser = _Page()
    parser.feed(page)
    return parser


def test_page_is_self_contained_and_runs_nothing() -> None:
    page = parse(page_of())
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert "default-src 'none'" in page_of().replace("&#x27;", "'")


def test_pictures_follow_the_theme() -> None:
    text = page_of()
    assert text.count("<svg") == 6
    assert "currentColor" in text
    assert "#010203" not in text
    assert "prefers-color-scheme: dark" in text


def test_hostile_clip_names_are_text() -> None:
    text = page_of()
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_verdict_and_figures_are_stated() -> None:
    text = page_of()
    assert "<strong>PASS</strong>" in text
    assert "CCC not judged: fewer than 200 clips" in text
    assert re.search(r"<td>0\.00100</td>", text)
    failed = page_of(0.03)
    assert "<strong>FAIL</strong>" in failed
    assert "max error 0.03000 is above 0.02" in failed
    assert '<td class="miss">0.03000</td>' in failed


def test_constant_predictions_are_shown_as_a_warning() -> None:
    text = page_of(constant=True)
    assert "Warnings" in text
    assert "arousal of broken or float ONNX is constant" in text
    assert "arousal (constant)" in text
    assert "Warnings" not in page_of()


def test_conditions_hold_the_reference_perturbed_too() -> None:
    found = {condition.name: condition for condition in report(0.001).conditions}
    assert found["noise 20 dB"].result.against_reference()["int8 TFLite"].max == pytest.approx(
        0.001, rel=1e-2
    )
    assert found["noise 20 dB"].moved > 0.01
    assert found["gain -12 dB"].moved == pytest.approx(
        np.mean([clip.audio[:3] for clip in clips(5)]) * (1 - 10**-0.6), rel=1e-4
    )


def test_files_are_json_and_reproducible(tmp_path: Path) -> None:
    first = write(report(), tmp_path / "a")
    second = write(report(), tmp_path / "b")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    values = json.loads(first[0].read_text())
    assert values["kind"] == "drift"
    assert values["verdict"]["passed"] is True
    assert values["worst_clips"]["int8 TFLite"][0]["error"] == pytest.approx(0.001, rel=1e-3)
    assert set(values["perturbations"]) == {c.name for c in report().conditions}
    assert values["layers"][0]["alone_db"] is None


def test_summary_for_the_manifest() -> None:
    summary = report().summary()
    assert summary["steps"]["int8 TFLite"]["mae"] == pytest.approx(0.001, rel=1e-3)
    assert json.dumps(summary, allow_nan=False)
