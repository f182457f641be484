"""The C engine against TFLite's reference kernels, the numpy front-end and the host route."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_fixtures import Build
from conftest import synthetic_speech
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from device_tests.observed_engine import ObservedEngine
from edge_ser import SAMPLE_RATE
from edge_ser.bundle import open_bundle
from edge_ser.errors import InputError
from edge_ser.frontend.numpy_frontend import causal_log_mel, log_mel
from edge_ser.runtime import load_engine
from edge_ser.runtime.c import to_pcm
from edge_ser.runtime.head import apply_head, pool_quantised
from edge_ser.runtime.host import HostEngine, quantise
from firmware_export.c_engine import SourceOptions
from firmware_export.probes import probe_clips

FIXED = "-DES_FRONTEND_FIXED=1"
PLAIN = "-DES_KERNEL_PLAIN"
WHOLE = SourceOptions(window_seconds=None)

Pcm = NDArray[np.int16]


@pytest.fixture(scope="module")
def reference(exported_bundle: Path) -> HostEngine:
    """LiteRT's reference kernels between the numpy front-end and head."""
    with open_bundle(exported_bundle) as bundle:
        engine = load_engine(bundle, "litert", "backbone.int8.tflite", kernels="reference")
    assert isinstance(engine, HostEngine)
    return engine


@pytest.fixture(scope="module")
def clips() -> dict[str, Pcm]:
    """What breaks quantised audio models, and speech."""
    random = np.random.default_rng(7)
    impulse = np.zeros(8_000, np.int16)
    impulse[4_321] = 32_767
    square = np.where(np.arange(8_000) // 20 % 2, 32_767, -32_768).astype(np.int16)
    made = {
        "impulse": impulse,
        "full-scale square": square,
        "white noise": random.integers(-32_768, 32_768, 8_000).astype(np.int16),
        "one hop": random.integers(-99, 99, 32).astype(np.int16),
        "direct current": np.full(8_000, 12_345, np.int16),
    }
    return made | {name: to_pcm(clip) for name, clip in probe_clips().items()}


def reference_outputs(
    reference: HostEngine, codes: NDArray[np.int8]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """(frames, features) values and scores of one offline pass."""
    outputs = reference.model.run(codes[None, :, :, None])
    values, scores = (outputs[name][0] for name in ("values", "scores"))
    return values.reshape(len(values), -1), scores.reshape(len(scores), -1)


def offline_adv(
    reference: HostEngine, values: NDArray[np.int8], scores: NDArray[np.int8]
) -> NDArray[np.float64]:
    """The float head over some frames of backbone outputs."""
    tables = reference.tables
    shape = (len(values), tables.head.bands, tables.head.channels)
    pool = pool_quantised(
        values.reshape(shape), scores.reshape(shape), tables.values, tables.scores
    )
    return apply_head(pool.pooled(), tables.head)


def clip_level(pcm: Pcm) -> tuple[float, float]:
    audio = pcm / 32_768.0
    return float(audio.mean()), float(audio.var())


# The int8 backbone


@pytest.mark.parametrize(
    ("defines", "layout", "longest"),
    [((), "simd", 12.0), ((PLAIN,), "simd", 2.5), ((FIXED,), "plain", 2.5), ((), "dsp", 2.5)],
    ids=["fast", "reference", "fixed front-end", "dsp layout"],
)
def test_the_backbone_is_tflites_to_the_bit(
    build_c: Build,
    reference: HostEngine,
    clips: dict[str, Pcm],
    defines: tuple[str, ...],
    layout: str,
    longest: float,
) -> None:
    engine = build_c(*defines, options=SourceOptions(layout=layout))
    for name, pcm in clips.items():
        if len(pcm) > longest * SAMPLE_RATE:
            continue
        engine.restart()
        engine.push(pcm)
        engine.finish()
        values, scores = reference_outputs(reference, np.array(engine.codes))
        assert np.array_equal(engine.values, values), name
        assert np.array_equal(engine.scores, scores), name


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(chunks=st.lists(st.integers(0, 700), min_size=1, max_size=40), seed=st.integers(0, 2**32))
def test_chunks_do_not_matter(build_c: Build, chunks: list[int], seed: int) -> None:
    engine = build_c()
    pcm = np.random.default_rng(seed).integers(-32_768, 32_768, sum(chunks)).astype(np.int16)
    seen = []
    for sizes in ([len(pcm)], chunks):
        engine.restart()
        for part in np.split(pcm, np.cumsum(sizes)[:-1]):
            engine.push(part)
        engine.finish()
        seen.append([b"".join(map(bytes, rows)) for rows in (engine.codes, engine.values)])
        seen[-1].append(engine.adv().tobytes())
    assert seen[0] == seen[1]


def test_a_reset_forgets_everything(build_c: Build, clips: dict[str, Pcm]) -> None:
    engine, fresh = build_c(), build_c()
    engine.push(clips["white noise"])
    engine.set_level(0.2, 0.3)
    for each in (engine, fresh):
        each.restart()
        each.push(clips["calm-speech"])
        each.finish()
    assert np.array_equal(engine.codes, fresh.codes)
    assert engine.adv().tobytes() == fresh.adv().tobytes()


def test_engines_in_one_process_are_independent(build_c: Build, clips: dict[str, Pcm]) -> None:
    alone, one, other = build_c(), build_c(), build_c()
    pcm = clips["excited-speech"]
    alone.push(pcm)
    for start in range(0, len(pcm), 1_000):
        one.push(pcm[start : start + 1_000])
        other.push(clips["noise"][start : start + 1_000])
    assert np.array_equal(alone.values, one.values)
    assert not np.array_equal(one.values, other.values)


# The front-end


@pytest.mark.parametrize(
    ("defines", "most", "share"), [((), 1, 1e-3), ((FIXED,), 2, 0.03)], ids=["float", "fixed"]
)
@pytest.mark.parametrize("per_clip", [True, False], ids=["clip level", "running level"])
def test_the_front_end_follows_the_specification(
    build_c: Build,
    reference: HostEngine,
    clips: dict[str, Pcm],
    defines: tuple[str, ...],
    most: int,
    share: float,
    per_clip: bool,
) -> None:
    engine, tables = build_c(*defines), reference.tables
    for name, pcm in clips.items():
        audio = (pcm / 32_768.0).astype(np.float64)
        engine.restart()
        if per_clip:
            engine.set_level(*clip_level(pcm))
        engine.push(pcm)
        compute = log_mel if per_clip else causal_log_mel
        wanted = quantise(compute(audio, tables.frontend, np.float32), tables.input)
        apart = np.abs(np.array(engine.codes, np.int32) - wanted)
        # A level of nothing but rounding errors amplifies them: there only the size counts.
        assert apart.max() <= most, (name, apart.max())
        assert np.mean(apart > 0) <= share, (name, np.mean(apart > 0))


def test_a_microphones_gain_hardly_matters(build_c: Build, clips: dict[str, Pcm]) -> None:
    quiet, loud = build_c(), build_c()
    pcm = clips["calm-speech"] // 4
    quiet.push(pcm)
    loud.push(4 * pcm)
    # Only level_eps and the floor tell them apart, and the second of silence at the start.
    apart = np.abs(np.array(quiet.codes[500:], np.int32) - np.array(loud.codes[500:]))
    assert np.mean(apart > 0) < 0.05 and apart.max() <= 1
    assert np.abs(quiet.adv() - loud.adv()).max() < 0.02


# Readings


def test_a_clip_gives_what_the_host_route_gives(
    build_c: Build, reference: HostEngine, clips: dict[str, Pcm]
) -> None:
    engine = build_c(options=WHOLE)
    for name, pcm in clips.items():
        if len(pcm) < SAMPLE_RATE // 2:
            continue
        engine.restart()
        engine.set_level(*clip_level(pcm))
        engine.push(pcm)
        engine.finish()
        wanted = reference.predict((pcm / 32_768.0).astype(np.float32))
        # A log-mel value at the border of two codes may fall on the other side.
        assert np.abs(engine.adv() - wanted).max() < 1e-3, name
        exact = offline_adv(reference, np.array(engine.values), np.array(engine.scores))
        assert np.abs(engine.adv() - exact).max() < 1e-5, name


def test_a_window_is_the_pool_over_its_frames(build_c: Build, reference: HostEngine) -> None:
    engine = build_c()
    pcm = to_pcm(synthetic_speech(9.0, seed=4))
    readings = 0
    for start in range(0, len(pcm), 1_600):
        before = engine.result().blocks
        engine.push(pcm[start : start + 1_600])
        now = engine.result()
        if now.blocks == before or not now.ready:
            continue
        stop = 125 * now.blocks
        frames = slice(max(0, stop - 1_250), stop)
        values, scores = np.array(engine.values)[frames], np.array(engine.scores)[frames]
        assert np.abs(engine.adv() - offline_adv(reference, values, scores)).max() < 1e-5
        readings += 1
    assert readings >= 15


def test_no_reading_before_one_second(build_c: Build) -> None:
    engine = build_c()
    pcm = to_pcm(synthetic_speech(1.2, seed=5))
    engine.push(pcm[:SAMPLE_RATE])
    assert not engine.result().ready and not engine.adv().any()
    engine.push(pcm[SAMPLE_RATE:])
    assert engine.result().ready and engine.result().blocks == 2


def test_what_is_pushed_after_the_end_is_ignored(build_c: Build, clips: dict[str, Pcm]) -> None:
    engine = build_c()
    engine.push(clips["calm-speech"])
    engine.finish()
    result = engine.adv().tobytes()
    engine.push(clips["noise"])
    engine.finish()
    assert engine.adv().tobytes() == result


def test_the_end_of_nothing_is_not_ready(build_c: Build) -> None:
    engine = build_c()
    engine.finish()
    assert not engine.result().ready
    engine.restart()
    engine.push(np.zeros(31, np.int16))
    engine.finish()
    assert not engine.result().ready


# Memory


def test_unusable_memory_is_refused(build_c: Build) -> None:
    library = build_c().library
    size = library.edge_ser_get_buffer_size()
    memory = ctypes.create_string_buffer(size + 16)
    aligned = -(-ctypes.addressof(memory) // 8) * 8
    assert library.edge_ser_init(None, size) is None
    assert library.edge_ser_init(aligned + 1, size) is None
    assert library.edge_ser_init(aligned, size - 1) is None
    assert library.edge_ser_init(aligned, size) == aligned


@pytest.mark.parametrize("layout", ["plain", "dsp", "simd"])
def test_the_engine_takes_less_than_64_kb(build_c: Build, layout: str) -> None:
    library = build_c(options=SourceOptions(layout=layout)).library
    assert library.edge_ser_get_buffer_size() <= 64_000


def test_nothing_around_the_buffer_is_written(build_c: Build, clips: dict[str, Pcm]) -> None:
    library = build_c().library
    size = library.edge_ser_get_buffer_size()
    memory = np.full(size + 4_096, 0xA5, np.uint8)
    offset = 1_024 + -(memory.ctypes.data + 1_024) % 64
    handle = library.edge_ser_init(memory.ctypes.data + offset, size)
    pcm = clips["excited-speech"]
    library.edge_ser_push(handle, pcm.ctypes.data_as(ctypes.POINTER(ctypes.c_int16)), len(pcm))
    library.edge_ser_finish(handle)
    assert (memory[:offset] == 0xA5).all() and (memory[offset + size :] == 0xA5).all()


# The Python engine


def test_the_python_engine_predicts_what_the_others_do(
    exported_bundle: Path, reference: HostEngine
) -> None:
    with open_bundle(exported_bundle) as bundle:
        fast = load_engine(bundle, "c")
        plain = load_engine(bundle, "c", kernels="reference")
        digest = bundle.manifest.files["backbone.int8.tflite"].sha256
    assert fast.artefact == "backbone.int8.tflite" and fast.kernels == "default"
    library: Any = fast.library  # type: ignore[attr-defined]
    assert library.edge_ser_model_sha256().decode() == digest
    for name, clip in probe_clips().items():
        assert fast.predict(clip).tobytes() == plain.predict(clip).tobytes(), name
        assert np.abs(fast.predict(clip) - reference.predict(clip)).max() < 1e-3, name


def test_a_model_for_another_runtime_is_refused(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle, pytest.raises(InputError, match="does not run"):
        load_engine(bundle, "c", "model.int8.onnx")


def _observed(engine: ObservedEngine) -> tuple[bytes, bytes]:
    return b"".join(map(bytes, engine.values)), b"".join(map(bytes, engine.scores))


def test_both_front_ends_agree_nearly_everywhere(build_c: Build, clips: dict[str, Pcm]) -> None:
    one, other = build_c(options=WHOLE), build_c(FIXED, options=WHOLE)
    for name in ("calm-speech", "excited-speech", "noisy-speech", "telephone"):
        for engine in (one, other):
            engine.restart()
            engine.push(clips[name])
            engine.finish()
        assert _observed(one) != _observed(other), name  # they are two implementations
        assert np.abs(one.adv() - other.adv()).max() < 3e-3, name
