"""Engines on a real bundle: they agree with torch and each other, and refuse what they must."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_fixtures import change_manifest
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.bundle import Bundle, open_bundle
from edge_ser.bundle.manifest import Quantisation, TensorInfo
from edge_ser.errors import BundleRefused, EnvironmentMissing, InputError
from edge_ser.frontend.numpy_frontend import log_mel
from edge_ser.runtime import Engine, available_engines, default_artefact, load_engine
from edge_ser.runtime.availability import EngineStatus, engine_status
from edge_ser.runtime.head import apply_head, pool_quantised, pooled_head
from edge_ser.runtime.host import HostEngine, quantise
from edge_ser.runtime.incremental import load_incremental
from edge_ser.runtime.partial import PartialPool
from edge_ser.runtime.tables import Head, read_tables
from edge_ser.runtime.tensors import FoundTensor, check_tensors

FLOAT = "model.float.onnx"
BACKBONE = "backbone.int8.tflite"
TRIPLES = [
    ("onnxruntime", FLOAT, "default"),
    ("onnxruntime", "model.int8.onnx", "default"),
    ("litert", "model.int8.tflite", "default"),
    ("litert", BACKBONE, "default"),
]
INT8_AGAINST_FLOAT = 0.02
"""The export's own gate on the largest difference."""


@pytest.fixture(scope="module")
def bundle(exported_bundle: Path) -> Bundle:
    return open_bundle(exported_bundle)


@pytest.fixture(scope="module")
def engines(bundle: Bundle) -> dict[str, Engine]:
    return {artefact: load_engine(bundle, name, artefact) for name, artefact, _ in TRIPLES}


# Agreement


@pytest.mark.parametrize("seconds", [0.5, 1.3, 5.0, 8.37])
def test_every_engine_agrees_with_the_float_reference(
    engines: dict[str, Engine], seconds: float
) -> None:
    audio = synthetic_speech(seconds, seed=3)
    reference = engines[FLOAT].predict(audio)
    for artefact, engine in engines.items():
        values = engine.predict(audio)
        assert values.shape == (3,) and values.dtype == np.float32
        np.testing.assert_allclose(values, reference, atol=INT8_AGAINST_FLOAT, err_msg=artefact)


def test_the_float_reference_is_torch(
    bundle: Bundle, engines: dict[str, Engine], dev_checkpoint: Path
) -> None:
    import torch

    from edge_ser.checkpoint import load_student, sha256_of

    if sha256_of(dev_checkpoint) != bundle.manifest.student.checkpoint_sha256:
        pytest.skip("the bundle at hand was exported from another checkpoint")
    student, _ = load_student(dev_checkpoint)
    audio = synthetic_speech(3.0, seed=5)
    with torch.no_grad():
        expected = student(torch.from_numpy(audio)[None])[0].numpy()
    np.testing.assert_allclose(engines[FLOAT].predict(audio), expected, atol=2e-4)


def test_hybrid_sends_other_lengths_through_the_host_route(engines: dict[str, Engine]) -> None:
    hybrid, host = engines["model.int8.tflite"], engines[BACKBONE]
    for seconds in (0.5, 4.99, 5.01):
        audio = synthetic_speech(seconds, seed=1)
        np.testing.assert_array_equal(hybrid.predict(audio), host.predict(audio))


def test_a_short_clip_is_not_padded_with_zeros(engines: dict[str, Engine]) -> None:
    audio = synthetic_speech(1.0, seed=2)
    padded = np.concatenate([audio, np.zeros(64_000, np.float32)])
    hybrid = engines["model.int8.tflite"]
    difference = np.abs(hybrid.predict(audio) - hybrid.predict(padded)).max()
    reference = engines[FLOAT].predict(audio)
    assert np.abs(hybrid.predict(audio) - reference).max() < difference


def test_the_hybrid_and_the_host_route_agree_on_five_seconds(engines: dict[str, Engine]) -> None:
    audio = synthetic_speech(5.0, seed=7)
    hybrid, host = engines["model.int8.tflite"].predict(audio), engines[BACKBONE].predict(audio)
    np.testing.assert_allclose(hybrid, host, atol=2e-3)


def test_reference_kernels_stay_close_to_the_fast_ones(
    bundle: Bundle, engines: dict[str, Engine]
) -> None:
    audio = synthetic_speech(1.0, seed=4)
    reference = load_engine(bundle, "litert", BACKBONE, kernels="reference")
    assert reference.kernels == "reference"
    np.testing.assert_allclose(
        reference.predict(audio), engines[BACKBONE].predict(audio), atol=5e-3
    )


def test_predictions_repeat_and_do_not_depend_on_what_came_before(bundle: Bundle) -> None:
    short, long = synthetic_speech(0.7, seed=8), synthetic_speech(6.0, seed=9)
    for name, artefact, _ in TRIPLES:
        engine = load_engine(bundle, name, artefact)
        first = engine.predict(short)
        engine.predict(long)
        np.testing.assert_array_equal(engine.predict(short), first)


def test_audio_is_not_changed(engines: dict[str, Engine]) -> None:
    audio = synthetic_speech(5.0, seed=6)
    kept = audio.copy()
    for engine in engines.values():
        engine.predict(audio)
    np.testing.assert_array_equal(audio, kept)


def test_a_strided_view_is_read_as_what_it_shows(engines: dict[str, Engine]) -> None:
    audio = np.repeat(synthetic_speech(5.0, seed=6), 2)
    for engine in engines.values():
        values = engine.predict(audio[::2])
        np.testing.assert_array_equal(values, engine.predict(audio[::2].copy()))


def test_silence_and_full_scale_give_finite_values(engines: dict[str, Engine]) -> None:
    for audio in (np.zeros(80_000, np.float32), np.ones(12_345, np.float32)):
        for engine in engines.values():
            assert np.isfinite(engine.predict(audio)).all()


def test_an_engine_outlives_its_bundle(exported_bundle: Path, tmp_path: Path) -> None:
    from edge_ser.bundle import pack

    pack(exported_bundle, tmp_path / "b.tar.gz")
    with open_bundle(tmp_path / "b.tar.gz") as bundle:
        engine = load_engine(bundle, "litert")
        root = bundle.root
    assert not root.exists()
    assert np.isfinite(engine.predict(synthetic_speech(1.0))).all()


# What an engine takes


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros(7_999, np.float32), "shorter than 0.5 s"),
        (np.zeros(0, np.float32), "shorter than 0.5 s"),
        (np.zeros(16_000, np.float64), "float64, not float32"),
        (np.zeros(16_000, np.int16), "int16, not float32"),
        (np.zeros((1, 16_000), np.float32), "shape"),
        (np.full(16_000, np.nan, np.float32), "not finite"),
        (np.full(80_000, np.inf, np.float32), "not finite"),
        ([0.0] * 16_000, "list, not float32"),
    ],
)
def test_unusable_audio_is_a_clear_error(
    engines: dict[str, Engine], audio: Any, message: str
) -> None:
    for engine in engines.values():
        with pytest.raises(InputError, match=message):
            engine.predict(audio)


# Choosing an engine


def test_defaults(bundle: Bundle) -> None:
    assert (load_engine(bundle).name, load_engine(bundle).artefact) == ("litert", BACKBONE)
    engine = load_engine(bundle, "onnxruntime")
    assert engine.artefact == "model.int8.onnx"
    assert engine.version == importlib.metadata.version("onnxruntime")
    assert engine.load_seconds > 0
    assert load_engine(bundle, artefact=FLOAT).name == "onnxruntime"
    assert default_artefact("tflite-runtime") == BACKBONE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "tensorrt"}, "no engine 'tensorrt'"),
        ({"artefact": "model.pkl", "name": "litert"}, "no model model.pkl"),
        ({"artefact": "../../etc/passwd", "name": "litert"}, "no model"),
        ({"artefact": FLOAT, "name": "litert"}, "does not run"),
        ({"artefact": BACKBONE, "name": "onnxruntime"}, "does not run"),
        ({"threads": 0}, "threads"),
        ({"kernels": "quick"}, "kernels"),
        ({"kernels": "reference", "name": "onnxruntime"}, "no reference kernels"),
    ],
)
def test_what_cannot_be_loaded_is_a_clear_error(
    bundle: Bundle, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_engine(bundle, **arguments)


def test_no_runtime_at_all_says_what_to_install(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "edge_ser.runtime.selection.engine_status",
        lambda name: EngineStatus(name, reason=f"{name} is not installed", hint="install it"),
    )
    with pytest.raises(EnvironmentMissing, match="litert is not installed") as error:
        load_engine(bundle)
    assert "pip install" in error.value.hint
    with pytest.raises(EnvironmentMissing, match="onnxruntime cannot be used"):
        load_engine(bundle, "onnxruntime")


def test_tflite_runtime_beside_numpy_2_is_diagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"tflite-runtime": "2.14.0", "numpy": "2.4.6"}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    status = engine_status("tflite-runtime")
    assert not status.available
    assert "numpy < 2" in status.reason and "2.4.6" in status.reason
    assert "numpy<2" in status.hint


def test_a_runtime_that_does_not_import_is_reported_not_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(name: str) -> None:
        raise OSError("libfoo.so: wrong ELF class")

    monkeypatch.setattr("importlib.import_module", broken)
    status = engine_status("litert")
    assert "wrong ELF class" in status.reason and status.version


def test_the_engines_of_this_environment_are_listed_in_order() -> None:
    statuses = available_engines()
    assert list(statuses) == ["litert", "tflite-runtime", "onnxruntime", "c"]
    assert str(statuses["litert"]) == importlib.metadata.version("ai-edge-litert")


# Models that are not what the manifest says


def _first_input(values: dict[str, Any], artefact: str) -> dict[str, Any]:
    tensor: dict[str, Any] = values["models"][artefact]["inputs"][0]
    return tensor


@pytest.mark.parametrize(("name", "artefact"), [(name, artefact) for name, artefact, _ in TRIPLES])
def test_wrong_type_or_shape_in_the_manifest_is_refused_at_load(
    bundle_copy: Path, name: str, artefact: str
) -> None:
    intact = json.loads((bundle_copy / "manifest.json").read_text())
    other = {"float32": "int8", "int8": "float32"}

    def wrong_type(values: dict[str, Any]) -> None:
        tensor = _first_input(values, artefact)
        tensor["dtype"] = other[tensor["dtype"]]

    def wrong_rank(values: dict[str, Any]) -> None:
        _first_input(values, artefact)["shape"].append(1)

    def wrong_size(values: dict[str, Any]) -> None:
        values["models"][artefact]["outputs"][0]["shape"][-1] = 4

    for change in (wrong_type, wrong_rank, wrong_size):
        (bundle_copy / "manifest.json").write_text(json.dumps(intact))
        change_manifest(bundle_copy, change)
        with open_bundle(bundle_copy) as bundle, pytest.raises(BundleRefused):
            load_engine(bundle, name, artefact)


@pytest.mark.parametrize(("name", "artefact"), [(name, artefact) for name, artefact, _ in TRIPLES])
def test_bytes_that_are_no_model_are_refused_at_load(
    bundle_copy: Path, name: str, artefact: str
) -> None:
    """The hashes are right, so this is an exporter's fault, but still no traceback."""
    (bundle_copy / artefact).write_bytes(b"not a model" * 100)
    change_manifest(bundle_copy, lambda values: None)
    with open_bundle(bundle_copy) as bundle, pytest.raises(BundleRefused, match="cannot load"):
        load_engine(bundle, name, artefact)


@pytest.mark.parametrize("artefact", ["model.int8.tflite", BACKBONE, "model.int8.onnx"])
def test_a_model_that_changed_after_opening_never_reaches_the_runtime(
    bundle_copy: Path, artefact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ai_edge_litert.interpreter
    import onnxruntime

    def forbidden(*arguments: object, **named: object) -> None:
        raise AssertionError("a runtime was given unverified bytes")

    monkeypatch.setattr(ai_edge_litert.interpreter, "Interpreter", forbidden)
    monkeypatch.setattr(onnxruntime, "InferenceSession", forbidden)
    with open_bundle(bundle_copy) as bundle:
        path = bundle_copy / artefact
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
        with pytest.raises(BundleRefused, match="does not match its SHA-256"):
            load_engine(bundle, artefact=artefact)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", 2),
        ("input", {"scale": 0.5, "zero_point": 0}),
        ("frontend", None),
        ("head", {}),
        ("values", {"scale": 0, "zero_point": 0}),
        ("time_stride", 4),
    ],
)
def test_tables_that_do_not_fit_are_refused(bundle_copy: Path, key: str, value: object) -> None:
    path = bundle_copy / "backbone.json"
    tables = json.loads(path.read_text())
    tables[key] = {**tables["frontend"], "n_mels": 40} if key == "frontend" else value
    path.write_text(json.dumps(tables))
    change_manifest(bundle_copy, lambda values: None)
    with open_bundle(bundle_copy) as bundle, pytest.raises(BundleRefused):
        load_engine(bundle, "litert", BACKBONE)


def test_head_of_another_width_is_refused(bundle_copy: Path) -> None:
    path = bundle_copy / "backbone.json"
    tables = json.loads(path.read_text())
    tables["head"]["weight"][1].pop()
    path.write_text(json.dumps(tables))
    change_manifest(bundle_copy, lambda values: None)
    with open_bundle(bundle_copy) as bundle, pytest.raises(BundleRefused, match="rows of"):
        read_tables(bundle)


@pytest.fixture
def whole_windows(bundle_copy: Path) -> Iterator[Bundle]:
    """A bundle as of a student that does not run in blocks: no backbone files."""

    def without_backbones(values: dict[str, Any]) -> None:
        for name in (BACKBONE, "backbone.int8.onnx"):
            del values["models"][name]
            for section in ("expected", "tolerance"):
                for key in [key for key in values["golden"][section] if name in key]:
                    del values["golden"][section][key]

    change_manifest(bundle_copy, without_backbones)
    with open_bundle(bundle_copy) as bundle:
        yield bundle


def test_without_a_backbone_short_clips_are_repeated_and_long_ones_refused(
    whole_windows: Bundle,
) -> None:
    engine = load_engine(whole_windows, "litert")
    assert engine.artefact == "model.int8.tflite"
    short = synthetic_speech(2.0)
    repeated = engine.predict(np.resize(short, 80_000))
    np.testing.assert_array_equal(engine.predict(short), repeated)
    assert np.abs(repeated - engine.predict(synthetic_speech(5.0))).max() > 1e-4
    with pytest.raises(InputError, match="at most 5 s") as error:
        engine.predict(synthetic_speech(5.1))
    assert "onnxruntime" in error.value.hint


def test_without_a_backbone_a_stream_takes_whole_windows(whole_windows: Bundle) -> None:
    with pytest.raises(InputError, match="computes whole windows only") as error:
        load_incremental(whole_windows)
    assert "--level window" in error.value.hint


def test_free_dimensions_may_be_fixed_but_fixed_ones_may_not_differ() -> None:
    announced = [TensorInfo("x", (1, "frames", 26), "int8")]
    check_tensors("a", [FoundTensor("other", (1, 24, 26), "int8")], announced)
    check_tensors("a", [FoundTensor("other", (1, None, 26), "int8")], announced)
    for shape in ((2, 24, 26), (1, 24, None), (1, 24), (1, 24, 26, 1)):
        with pytest.raises(BundleRefused, match="shape"):
            check_tensors("a", [FoundTensor("x", shape, "int8")], announced)
    with pytest.raises(BundleRefused, match="0 tensors"):
        check_tensors("a", [], announced)


# The host's arithmetic


def test_quantise_rounds_to_even_and_saturates() -> None:
    code = Quantisation(0.5, 3)
    values = np.array([0.0, 0.25, 0.75, -0.25, 1e9, -1e9], dtype=np.float32)
    assert quantise(values, code).tolist() == [3, 3, 5, 3, 127, -128]


@pytest.mark.parametrize("second_order", [False, True])
def test_the_numpy_head_is_torchs(second_order: bool) -> None:
    import torch

    from edge_ser.students.student import PooledHead

    torch.manual_seed(0)
    channels, bands = (13, 13) if second_order else (169, 1)
    module = PooledHead(channels, bands, second_order).double().eval()
    values, scores = torch.randn(2, 1, channels, 77, bands, dtype=torch.float64) * 3
    with torch.no_grad():
        expected = module(values, scores)[0].numpy()
        head = Head(
            second_order, channels, bands, module.out.weight.numpy(), module.out.bias.numpy()
        )
    v, s = (outputs[0].numpy().transpose(1, 2, 0) for outputs in (values, scores))
    np.testing.assert_allclose(pooled_head(v, s, head), expected, rtol=1e-12, atol=1e-12)


def test_pooling_int8_in_blocks_is_pooling_it_at_once() -> None:
    random = np.random.default_rng(0)
    values, scores = random.integers(-128, 128, (2, 1_250, 13, 13)).astype(np.int8)
    v, s = Quantisation(0.031, -7), Quantisation(0.11, 20)
    head = Head(True, 13, 13, random.standard_normal((3, 338)), random.standard_normal(3))
    whole = pooled_head((values - np.float64(-7)) * 0.031, (scores - np.float64(20)) * 0.11, head)
    pooled = pool_quantised(values, scores, v, s).pooled()
    np.testing.assert_allclose(apply_head(pooled, head), whole, rtol=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 59), max_size=5), st.floats(0.1, 1e4))
def test_partial_sums_of_any_blocks_merge_exactly(
    seed: int, cuts: list[int], spread: float
) -> None:
    """In any order, also for scores so far apart that a naive exponential would overflow."""
    random = np.random.default_rng(seed)
    values, scores = random.standard_normal((2, 60, 5)) * [[[1.0]], [[spread]]]
    edges = [0, *sorted(set(cuts)), 60]
    pools = [PartialPool.of(values[a:b], scores[a:b]) for a, b in pairwise(edges)]
    merged = pools[-1]
    for pool in pools[:-1]:
        merged = merged.merge(pool)
    np.testing.assert_allclose(merged.pooled(), _softmax_mean(values, scores), atol=1e-12)


def _softmax_mean(values: NDArray[Any], scores: NDArray[Any]) -> NDArray[Any]:
    weights = np.exp(scores - scores.max(axis=0))
    mean: NDArray[Any] = (values * weights).sum(axis=0) / weights.sum(axis=0)
    return mean


def test_log_mel_entry_equals_the_waveform_entry(
    bundle: Bundle, engines: dict[str, Engine]
) -> None:
    host = engines[BACKBONE]
    assert isinstance(host, HostEngine)
    audio = synthetic_speech(1.1, seed=11)
    features = log_mel(audio, bundle.manifest.frontend)
    np.testing.assert_array_equal(host.predict_log_mel(features), host.predict(audio))
