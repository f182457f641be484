"""Exactness of incremental inference, on every runtime: equal to one offline pass over the stream.

Offline pass: the whole signal through the front-end with its running level and through the
backbone at once; a window is the pool over the outputs that stand in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_fixtures import change_manifest
from conftest import synthetic_speech
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from offline_pass import FRAME, TOLERANCE, OfflinePass, outputs_before

from device_tests.observed_engine import ObservedEngine
from edge_ser import SAMPLE_RATE
from edge_ser.bundle import Bundle, open_bundle
from edge_ser.errors import BundleRefused, InputError
from edge_ser.runtime.c import to_pcm
from edge_ser.runtime.engine import SHORTEST_SAMPLES
from edge_ser.runtime.host import BackboneEngine
from edge_ser.runtime.incremental import Estimate, IncrementalEngine, load_incremental
from edge_ser.runtime.incremental.c import CIncremental
from edge_ser.runtime.incremental.host import HostIncremental
from edge_ser.runtime.selection import backbone_artefact, load_engine

HOST = ("litert", "onnxruntime")
ENGINES = (*HOST, "c")
GRIDS = [(5.0, 0.25), (5.0, 0.5), (1.0, 0.05), (2.0, 1.0), (0.5, 0.5)]
"""Windows and hops that every engine can have."""

ODD_GRIDS = [(2.3, 0.3), (0.7, 0.333), (1.001, 0.2501), (0.5, 2.0), (5.0, 5.0), (1.5, 1.4)]
"""No multiples of a frame, of a stride, of each other."""

Audio = NDArray[np.float32]


@pytest.fixture(scope="module")
def bundle(exported_bundle: Path) -> Iterator[Bundle]:
    with open_bundle(exported_bundle) as opened:
        yield opened


Load = Callable[[str, float, float], IncrementalEngine]


@pytest.fixture(scope="module")
def load(bundle: Bundle) -> Load:
    """An engine; equal requests share one, which `stream` resets."""

    @cache
    def loaded(engine: str, window: float, hop: float) -> IncrementalEngine:
        return load_incremental(bundle, engine, window_seconds=window, hop_seconds=hop)

    return loaded


@pytest.fixture(scope="module")
def references(bundle: Bundle) -> dict[str, BackboneEngine]:
    """What passes over whole signals; the reference kernels for c."""
    found = {}
    for engine in HOST:
        found[engine] = load_engine(bundle, engine, backbone_artefact(engine))
    found["c"] = load_engine(bundle, "litert", backbone_artefact("c"), kernels="reference")
    assert all(isinstance(engine, BackboneEngine) for engine in found.values())
    return found  # type: ignore[return-value]


def signal(seconds: float, seed: int) -> Audio:
    """Speech-like, with a loud and a silent stretch, so that the level has work."""
    audio = synthetic_speech(seconds, seed=seed)
    third = len(audio) // 3
    audio[:third] *= 0.01
    audio[2 * third : 2 * third + third // 2] = 0.0
    return audio


def stream(engine: IncrementalEngine, audio: Audio, chunks: list[int]) -> list[Estimate]:
    """The whole signal in chunks, the last one being the rest, and its end."""
    engine.reset()
    estimates, start = [], 0
    for size in [*chunks, len(audio)]:
        estimates += engine.push(audio[start : start + size])
        start = min(start + size, len(audio))
    return [*estimates, *engine.finish()]


@dataclass
class Seen:
    """Collects the backbone's outputs of a host engine."""

    values: list[NDArray[Any]]
    scores: list[NDArray[Any]]

    def __call__(self, values: NDArray[Any], scores: NDArray[Any]) -> None:
        self.values.append(values.copy())
        self.scores.append(scores.copy())

    @classmethod
    def of(cls, engine: IncrementalEngine) -> Seen:
        assert isinstance(engine, HostIncremental)
        engine.observe = seen = cls([], [])
        return seen


def assert_exact(
    offline: OfflinePass, estimates: list[Estimate], tolerance: float = TOLERANCE
) -> None:
    for estimate in estimates:
        difference = estimate.values - offline.window(estimate.start, estimate.end)
        assert np.abs(difference).max() <= tolerance, estimate


def assert_grid(estimates: list[Estimate], samples: int, engine: IncrementalEngine) -> None:
    """Every multiple of the hop from the first window on, then perhaps the end."""
    window, hop = engine.window_samples, engine.hop_samples
    first = -(-min(window, SAMPLE_RATE) // hop) * hop
    ends = list(range(first, samples + 1, hop))
    starts = [max(0, end - window) for end in ends]
    regular = estimates[: len(ends)]
    assert [(e.start, e.end) for e in regular] == list(zip(starts, ends, strict=True))
    last = estimates[len(ends) :]
    assert len(last) <= 1
    if last:
        assert last[0].end == samples and samples - window <= last[0].start
        assert samples - last[0].start >= min(samples, window - hop, SHORTEST_SAMPLES)
    elif window >= hop + SHORTEST_SAMPLES and samples >= SHORTEST_SAMPLES:
        assert outputs_before(samples) == outputs_before(ends[-1] if ends else 0)
    for estimate in estimates:
        assert estimate.partial == (estimate.end - estimate.start < window)
        assert estimate.values.dtype == np.float32 and estimate.values.shape == (3,)


CHUNKS = st.lists(
    st.one_of(st.integers(0, 40), st.integers(0, 700), st.integers(0, 12_000)), max_size=40
)
LENGTHS = st.one_of(st.integers(0, 20_000), st.integers(0, 110_000))
NO_FIXTURE_CHECK = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


# The property


@pytest.mark.parametrize("name", HOST)
@settings(max_examples=40, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)
@given(
    grid=st.sampled_from([*GRIDS, *ODD_GRIDS]),
    samples=LENGTHS,
    chunks=CHUNKS,
    before=st.lists(st.integers(0, 9_000), max_size=3),
    finished=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_stream_is_one_offline_pass(
    load: Load,
    references: dict[str, BackboneEngine],
    name: str,
    grid: tuple[float, float],
    samples: int,
    chunks: list[int],
    before: list[int],
    finished: bool,
    seed: int,
) -> None:
    """Random chunks, after random other streams that were ended or broken off."""
    engine, reference = load(name, *grid), references[name]
    engine.reset()
    for size in before:
        engine.push(signal(1.0, seed + 1)[:size])
        if finished:
            engine.finish()
        engine.reset()
    audio = signal(7.0, seed)[:samples]
    seen = Seen.of(engine)
    estimates = stream(engine, audio, chunks)
    if samples < FRAME:
        assert not estimates and not seen.values
        return
    offline = OfflinePass.over(audio, reference)
    assert np.array_equal(np.concatenate(seen.values), offline.values)
    assert np.array_equal(np.concatenate(seen.scores), offline.scores)
    assert_exact(offline, estimates)
    assert_grid(estimates, samples, engine)


@settings(max_examples=25, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)
@given(
    grid=st.sampled_from(GRIDS),
    samples=LENGTHS,
    chunks=CHUNKS,
    before=st.lists(st.integers(0, 9_000), max_size=3),
    seed=st.integers(0, 99),
)
def test_a_stream_on_c_is_one_offline_pass(
    load: Load,
    references: dict[str, BackboneEngine],
    grid: tuple[float, float],
    samples: int,
    chunks: list[int],
    before: list[int],
    seed: int,
) -> None:
    """Its backbone against TFLite's reference kernels on its own rows; its windows against both."""
    engine, reference = load("c", *grid), references["c"]
    assert isinstance(engine, CIncremental)
    engine.reset()
    for size in before:
        engine.push(signal(1.0, seed + 1)[:size])
        engine.reset()
    audio = signal(7.0, seed)[:samples]
    estimates = stream(engine, audio, chunks)
    watched = ObservedEngine(engine.library)
    watched.push(to_pcm(audio))
    watched.finish()
    if samples < FRAME:
        assert not estimates
        return
    values, scores = reference.backbone.run(np.array(watched.codes))
    assert np.array_equal(np.array(watched.values), values.reshape(len(values), -1))
    assert np.array_equal(np.array(watched.scores), scores.reshape(len(scores), -1))
    assert_exact(OfflinePass(reference, values, scores), estimates)
    assert_grid(estimates, samples, engine)


@pytest.mark.parametrize("name", ENGINES)
@settings(max_examples=15, deadline=None, suppress_health_check=NO_FIXTURE_CHECK)
@given(chunks=CHUNKS, other=CHUNKS, samples=LENGTHS)
def test_chunks_do_not_change_a_bit(
    load: Load, name: str, chunks: list[int], other: list[int], samples: int
) -> None:
    engine, audio = load(name, 2.0, 0.25), signal(7.0, 5)[:samples]
    first, second = stream(engine, audio, chunks), stream(engine, audio, other)
    assert [(e.start, e.end, e.values.tobytes()) for e in first] == [
        (e.start, e.end, e.values.tobytes()) for e in second
    ]


# What it means to a user


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("hop", [0.25, 0.5])
def test_a_window_comes_24_ms_after_its_last_sample(load: Load, name: str, hop: float) -> None:
    engine, audio = load(name, 5.0, hop), signal(6.5, 2)
    engine.reset()
    heard, delays = 0, []
    for start in range(0, len(audio), FRAME):
        chunk = audio[start : start + FRAME]
        heard += len(chunk)
        delays += [heard - estimate.end for estimate in engine.push(chunk)]
    assert len(delays) >= 10
    assert max(delays) <= 0.024 * SAMPLE_RATE and min(delays) >= 0.020 * SAMPLE_RATE


@pytest.mark.parametrize("name", ENGINES)
def test_the_first_window_has_heard_a_second(load: Load, name: str) -> None:
    engine = load(name, 5.0, 0.25)
    first, *_ = stream(engine, signal(3.0, 3), [])
    assert (first.start, first.end, first.partial) == (0, SAMPLE_RATE, True)
    short = load(name, 0.5, 0.5)
    first, *_ = stream(short, signal(3.0, 3), [])
    assert (first.start, first.end, first.partial) == (0, SAMPLE_RATE // 2, False)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("samples", "spans"),
    [
        (7_999, []),
        (8_000, [(0, 8_000)]),
        (12_000, [(0, 12_000)]),
        (16_000, [(0, 16_000)]),
        (16_010, [(0, 16_000)]),
        (16_100, [(0, 16_000), (0, 16_100)]),
        (81_000, [(0, 16_000), *((0, 4_000 * k) for k in range(5, 21)), (4_000, 81_000)]),
    ],
)
def test_the_end_of_a_stream(
    load: Load, name: str, samples: int, spans: list[tuple[int, int]]
) -> None:
    estimates = stream(load(name, 5.0, 0.25), signal(6.0, 4)[:samples], [999] * 3)
    assert [(e.start, e.end) for e in estimates] == spans


@pytest.mark.parametrize("name", ENGINES)
def test_a_finished_stream_takes_nothing_until_it_is_reset(load: Load, name: str) -> None:
    engine = load(name, 2.0, 0.5)
    engine.reset()
    engine.push(signal(1.0, 6))
    assert engine.finish()
    assert engine.finish() == []
    with pytest.raises(InputError, match="has ended"):
        engine.push(signal(1.0, 6))
    engine.reset()
    assert engine.push(signal(1.1, 6))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    "chunk",
    [
        np.zeros(100),
        np.zeros(100, np.int16),
        np.zeros((2, 100), np.float32),
        np.array([0.0, np.nan], np.float32),
        np.array([np.inf], np.float32),
    ],
    ids=["float64", "int16", "stereo", "nan", "inf"],
)
def test_what_is_no_audio_is_refused_and_does_no_harm(
    load: Load, name: str, chunk: NDArray[Any]
) -> None:
    engine, audio = load(name, 2.0, 0.5), signal(1.3, 7)
    expected = stream(engine, audio, [])
    engine.reset()
    begun = engine.push(audio[:9_000])
    with pytest.raises(InputError):
        engine.push(chunk)
    estimates = [*begun, *engine.push(audio[9_000:]), *engine.finish()]
    assert all(np.array_equal(a.values, b.values) for a, b in zip(estimates, expected, strict=True))


@pytest.mark.parametrize(
    ("window", "hop", "message"),
    [
        (0.4, 0.1, "window of 0.4"),
        (61.0, 0.5, "window of 61"),
        (5.0, 0.01, "hop of 0.01"),
        (5.0, 70.0, "hop of 70"),
        (float("nan"), 0.5, "window of nan"),
        (5.0, float("inf"), "hop of inf"),
    ],
)
def test_impossible_windows_are_refused(
    bundle: Bundle, window: float, hop: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_incremental(bundle, "litert", window_seconds=window, hop_seconds=hop)


@pytest.mark.parametrize(("window", "hop"), ODD_GRIDS[:3])
def test_c_says_which_windows_it_can_have(bundle: Bundle, window: float, hop: float) -> None:
    with pytest.raises(InputError, match="cannot cut a window") as caught:
        load_incremental(bundle, "c", window_seconds=window, hop_seconds=hop)
    assert "whole 2 ms" in caught.value.hint and "litert" in caught.value.hint


def test_whole_clip_models_are_refused(bundle: Bundle) -> None:
    for engine, artefact in (("litert", "model.int8.tflite"), ("onnxruntime", "model.int8.onnx")):
        with pytest.raises(InputError, match="whole clips only") as caught:
            load_incremental(bundle, engine, artefact)
        assert backbone_artefact(engine) in caught.value.hint


def test_a_bundle_of_an_earlier_version_has_no_onnx_backbone(bundle_copy: Path) -> None:
    def without(manifest: dict[str, Any]) -> None:
        del manifest["models"]["backbone.int8.onnx"]
        del manifest["files"]["backbone.int8.onnx"]
        for part in ("expected", "tolerance"):
            del manifest["golden"][part]["onnxruntime/backbone.int8.onnx"]

    change_manifest(bundle_copy, without)
    with open_bundle(bundle_copy) as older:
        with pytest.raises(InputError, match="earlier version") as caught:
            load_incremental(older, "onnxruntime")
        assert "litert" in caught.value.hint and "export" in caught.value.hint
        assert load_incremental(older).name == "litert"


def test_a_manifest_that_describes_no_backbone_is_refused(bundle_copy: Path) -> None:
    def renamed(manifest: dict[str, Any]) -> None:
        manifest["models"]["backbone.int8.onnx"]["outputs"][0]["name"] = "other"

    change_manifest(bundle_copy, renamed)
    with open_bundle(bundle_copy) as changed, pytest.raises(BundleRefused, match="as a backbone"):
        load_incremental(changed, "onnxruntime")


def test_a_backbone_of_another_head_is_refused(bundle_copy: Path) -> None:
    def narrower(manifest: dict[str, Any]) -> None:
        manifest["models"]["backbone.int8.onnx"]["outputs"][0]["shape"][1] = 168

    change_manifest(bundle_copy, narrower)
    with open_bundle(bundle_copy) as changed, pytest.raises(BundleRefused, match="does not fit"):
        load_incremental(changed, "onnxruntime")


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_says_what_it_is(load: Load, name: str) -> None:
    engine = load(name, 5.0, 0.25)
    assert (engine.name, engine.artefact) == (name, backbone_artefact(name))
    assert (engine.window_samples, engine.hop_samples) == (80_000, 4_000)
    assert engine.version and engine.kernels == "default" and engine.load_seconds > 0


@pytest.mark.parametrize("name", HOST)
def test_an_hour_needs_no_more_memory_than_a_minute(load: Load, name: str) -> None:
    """What an engine holds, counted in numbers, after very different lengths of stream."""
    engine = load(name, 2.0, 0.25)
    assert isinstance(engine, HostIncremental)
    engine.observe = None
    engine.reset()
    chunk, held = signal(1.0, 8), []
    for second in range(90):
        engine.push(chunk)
        if second % 30 == 29:
            held.append(_numbers_in(engine))
    assert held[0] == held[1] == held[2] < 200_000


def _numbers_in(thing: Any, seen: set[int] | None = None) -> int:
    """Elements of all arrays that the incremental engine's own objects hold."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return int(thing.size if thing.base is None else thing.base.size)
    if type(thing).__module__.startswith(("edge_ser.runtime.incremental", "edge_ser.frontend")):
        return sum(_numbers_in(part, seen) for part in vars(thing).values())
    if isinstance(thing, list | tuple) or type(thing).__name__ == "deque":
        return sum(_numbers_in(part, seen) for part in thing)
    return 0
