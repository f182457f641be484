"""The incremental analyser of a stream: positions, gaps, times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_speech
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bundle import open_bundle
from edge_ser.runtime.engine import Kernels
from edge_ser.runtime.incremental import Estimate, IncrementalEngine, load_incremental
from edge_ser.stream.analysis.incremental_analyser import IncrementalAnalyser
from edge_ser.stream.protocols import Analyser

Audio = NDArray[np.float32]


@pytest.fixture(scope="module")
def engine(exported_bundle: Path) -> IncrementalEngine:
    with open_bundle(exported_bundle) as bundle:
        return load_incremental(bundle, "litert", window_seconds=2.0, hop_seconds=0.5)


def test_windows_are_those_of_the_engine(engine: IncrementalEngine) -> None:
    audio = synthetic_speech(4.2)
    analyser: Analyser = IncrementalAnalyser(engine)
    windows = [*analyser.feed(audio[:30_000]), *analyser.feed(audio[30_000:]), *analyser.finish()]
    engine.reset()
    expected = [*engine.push(audio), *engine.finish()]
    assert [(w.start, w.end, w.partial) for w in windows] == [
        (e.start, e.end, e.partial) for e in expected
    ]
    assert all(np.array_equal(w.values, e.values) for w, e in zip(windows, expected, strict=True))
    assert windows[-1].end == len(audio)
    assert analyser.skipped == 0


def test_positions_go_on_after_a_gap_and_no_window_reaches_across_it(
    engine: IncrementalEngine,
) -> None:
    audio = synthetic_speech(6.0)
    gap = 41_000
    analyser = IncrementalAnalyser(engine)
    before = analyser.feed(audio[:gap])
    before += analyser.reset()
    after = [*analyser.feed(audio[gap:]), *analyser.finish()]
    windows = [*before, *after]
    assert all(w.end <= gap or w.start >= gap for w in windows)
    assert gap in [w.end for w in before], "what came before the gap is read up to it"
    starts_anew = [w for w in after if w.start >= gap]
    assert starts_anew[0].start == gap and starts_anew[0].end == gap + SAMPLE_RATE
    assert starts_anew[0].partial
    engine.reset()
    alone = [*engine.push(audio[gap:]), *engine.finish()]
    assert [gap + e.end for e in alone] == [w.end for w in starts_anew]
    assert np.array_equal(alone[-1].values, starts_anew[-1].values)


def test_a_gap_in_too_little_audio_gives_nothing(engine: IncrementalEngine) -> None:
    analyser = IncrementalAnalyser(engine)
    for _ in range(3):
        assert analyser.feed(synthetic_speech(0.4)) == []
        analyser.reset()
    assert analyser.finish() == []


def test_a_used_engine_begins_anew(engine: IncrementalEngine) -> None:
    engine.reset()
    engine.push(synthetic_speech(3.0))
    (first,) = IncrementalAnalyser(engine).feed(synthetic_speech(1.1))
    assert (first.start, first.end) == (0, SAMPLE_RATE)


class _Scripted:
    """An engine that gives two windows with its third chunk."""

    name, version, artefact, load_seconds = "scripted", "", "", 0.0
    kernels: Kernels = "default"
    window_samples = hop_samples = 4_000

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock
        self.pushes = 0

    def push(self, samples: Audio) -> list[Estimate]:
        self.pushes += 1
        self.clock[0] += 0.5
        if self.pushes % 3:
            return []
        values = np.zeros(3, np.float32)
        return [Estimate(0, 4_000, values, False), Estimate(4_000, 8_000, values, False)]

    def finish(self) -> list[Estimate]:
        return []

    def reset(self) -> None:
        pass


def test_the_time_since_the_last_window_is_shared_by_those_that_come_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(
        "edge_ser.stream.analysis.incremental_analyser.time.perf_counter", lambda: clock[0]
    )
    analyser = IncrementalAnalyser(_Scripted(clock))
    chunk = np.zeros(10, np.float32)
    assert analyser.feed(chunk) == analyser.feed(chunk) == []
    assert [w.seconds for w in analyser.feed(chunk)] == [0.75, 0.75]
    analyser.feed(chunk), analyser.feed(chunk)
    assert sum(w.seconds for w in analyser.feed(chunk)) == 1.5
