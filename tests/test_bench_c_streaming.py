"""The C engine's streaming against LiteRT's windows: what is measured, and what is said of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edge_ser.bench.c_engine import CBench, as_page, as_text
from edge_ser.bench.c_streaming import Streaming, measure_streaming
from edge_ser.bundle import open_bundle
from edge_ser.errors import InputError

MEASURED = Streaming("avx2", "litert 2.3.0, model.int8.tflite", 3, 2.0, 8.0, 5.0, 4.0)


def test_both_are_timed_in_pairs(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle:
        found = measure_streaming(bundle, 3)
    assert found.rounds == 3 and found.engine_ms > 0 and found.peer_ms > 0
    assert found.ratio > 0 and found.window_seconds == 5.0
    assert found.peer.startswith("litert ")


def test_no_rounds_are_refused(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle, pytest.raises(InputError, match="round"):
        measure_streaming(bundle, 0)


def test_both_sides_of_the_comparison_are_said() -> None:
    said = str(MEASURED)
    assert "1/4.0 of the time" in said and "0.80x as fast" in said


def test_a_slower_engine_misses_the_goal() -> None:
    bench = CBench((), (), (), MEASURED)
    assert bench.met and "1/4.0" in as_text(bench)
    assert not dataclasses.replace(bench, streaming=dataclasses.replace(MEASURED, ratio=0.9)).met
    assert "edge-ser bench --c" in as_page(bench, "edge-ser bench --c")
