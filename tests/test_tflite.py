"""The two TFLite files of a student: operators, codes, sizes, bytes, and fidelity to torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import synthetic_speech
from numpy.typing import NDArray

from calibration.affine import affine
from calibration.cache import CalibrationCache
from calibration.headroom import with_headroom
from calibration.observe import observe
from edge_ser.checkpoint import load_student
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.frontend.numpy_frontend import log_mel
from edge_ser.students.catalogue import build_student
from edge_ser.students.student import Student

pytest.importorskip("litert_torch", reason="TFLite export needs the 'export' extra")
pytest.importorskip("ai_edge_quantizer", reason="TFLite export needs the 'export' extra")

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from firmware_export import tflite_backbone, tflite_file, tflite_float, tflite_hybrid
from firmware_export.tflite_quantise import module_paths

METADATA = {"dimensions": "arousal,dominance,valence", "sample_rate": "16000", "licence": "ü"}
REFERENCE = OpResolverType.BUILTIN_REF
OPTIMISED = OpResolverType.AUTO

TFLITE_RUNTIME_2_14 = {
    "ADD": 5, "CONCATENATION": 4, "CONV_2D": 8, "DEPTHWISE_CONV_2D": 7, "DEQUANTIZE": 6,
    "BATCH_MATMUL": 4, "DIV": 2, "EXP": 2, "FULLY_CONNECTED": 11, "LOG": 2, "MAXIMUM": 4,
    "MAX_POOL_2D": 3, "MEAN": 3, "MUL": 7, "PAD": 4, "QUANTIZE": 4, "REDUCE_MAX": 3,
    "RESHAPE": 1, "SQRT": 1, "SUB": 5, "SUM": 2, "TRANSPOSE": 6,
}  # fmt: skip
"""Highest operator versions that the legacy runtime registers (TensorFlow 2.14 register.cc)."""


@dataclass(frozen=True)
class Converted:
    """One student, both of its files, and the ranges they were made with."""

    student: Student
    cache: CalibrationCache
    backbone: Path
    description: dict[str, Any]
    hybrid: Path


def signals() -> list[NDArray[np.float32]]:
    """Speech-like clips at several levels, noise, and one that is half silence; 5 s each."""
    noise = np.random.default_rng(7).standard_normal(80_000).astype(np.float32)
    clips = [synthetic_speech(seed=seed) * level for seed, level in enumerate((1.0, 0.3, 0.03))]
    half = synthetic_speech(seed=5)
    half[40_000:] *= 1e-3
    return [*clips, 0.1 * noise, half]


def calibrated(student: Student) -> CalibrationCache:
    ranges = observe(student, signals())
    return CalibrationCache(ranges, "0" * 64, student.config.frontend.sha256(), (), "min-max", 0)


def convert_both(student: Student, folder: Path) -> Converted:
    cache = calibrated(student)
    backbone, text, hybrid = (folder / name for name in ("b.tflite", "b.json", "h.tflite"))
    tflite_backbone.convert(student, cache, backbone, text, METADATA)
    tflite_hybrid.convert(student, cache, hybrid, METADATA)
    return Converted(student, cache, backbone, json.loads(text.read_text()), hybrid)


@pytest.fixture(scope="module")
def big(dev_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return convert_both(load_student(dev_checkpoint)[0], tmp_path_factory.mktemp("wav2small"))


@pytest.fixture(scope="module")
def small(dev_checkpoint_17k: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return convert_both(load_student(dev_checkpoint_17k)[0], tmp_path_factory.mktemp("17k"))


@pytest.fixture(params=["big", "small"])
def converted(request: pytest.FixtureRequest) -> Converted:
    result: Converted = request.getfixturevalue(request.param)
    return result


def run(
    model: Path, inputs: NDArray[Any], resolver: OpResolverType = OPTIMISED
) -> list[NDArray[Any]]:
    interpreter = Interpreter(str(model), num_threads=1, experimental_op_resolver_type=resolver)
    source = interpreter.get_input_details()[0]
    if tuple(source["shape"]) != inputs.shape:
        interpreter.resize_tensor_input(source["index"], inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], inputs)
    interpreter.invoke()
    return [interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()]


def encode(real: NDArray[Any], code: dict[str, Any]) -> NDArray[np.int8]:
    steps = np.round(real / code["scale"]) + code["zero_point"]
    return np.clip(steps, -128, 127).astype(np.int8)


def decode(steps: NDArray[np.int8], code: dict[str, Any]) -> NDArray[np.float32]:
    return ((steps.astype(np.float32) - code["zero_point"]) * code["scale"]).astype(np.float32)


def backbone_then_float_head(
    converted: Converted, audio: NDArray[np.float32], resolver: OpResolverType = OPTIMISED
) -> NDArray[np.float32]:
    """numpy front-end, the int8 file, torch's own head on what it gives."""
    features = log_mel(audio, converted.student.config.frontend)
    codes = encode(features, converted.description["input"])[None, :, :, None]
    results = run(converted.backbone, codes, resolver)
    values, scores = (
        torch.from_numpy(decode(steps, converted.description[name]).transpose(0, 3, 1, 2).copy())
        for steps, name in zip(results, ("values", "scores"), strict=True)
    )
    with torch.no_grad():
        return converted.student.head(values, scores)[0].numpy()


def torch_outputs(student: Student, clips: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    with torch.no_grad():
        return np.stack([student(torch.from_numpy(clip)[None])[0].numpy() for clip in clips])


def tensors(model: Path) -> dict[str, Any]:
    graph = tflite_file.parse(model.read_bytes()).subgraphs[0]
    return {tflite_file.text(tensor.name): tensor for tensor in graph.tensors}


def test_backbone_holds_convolutions_one_pad_and_one_max_pool(converted: Converted) -> None:
    operators = tflite_file.operator_names(tflite_file.parse(converted.backbone.read_bytes()))
    before, pool, after = ["CONV_2D"] * 3, ["PAD", "MAX_POOL_2D"], ["CONV_2D"] * 6
    assert operators == before + pool + after


def test_sizes(big: Converted, small: Converted) -> None:
    assert big.backbone.stat().st_size <= 97_000
    assert big.hybrid.stat().st_size <= 130_000
    assert small.backbone.stat().st_size <= 35_000
    assert small.hybrid.stat().st_size <= 65_000


def test_backbone_interface(big: Converted, small: Converted) -> None:
    for converted, shape in ((big, (1, 12, 1, 169)), (small, (1, 12, 13, 13))):
        interpreter = Interpreter(str(converted.backbone))
        source, results = interpreter.get_input_details(), interpreter.get_output_details()
        assert [(i["name"], i["dtype"]) for i in source] == [("log_mel", np.int8)]
        assert [(o["name"], o["dtype"]) for o in results] == [
            ("values", np.int8),
            ("scores", np.int8),
        ]
        assert [tuple(o["shape"]) for o in results] == [shape, shape]
        signature = interpreter.get_signature_list()["serving_default"]
        assert signature["inputs"] == ["log_mel"]
        assert sorted(signature["outputs"]) == ["scores", "values"]


def test_hybrid_interface(converted: Converted) -> None:
    interpreter = Interpreter(str(converted.hybrid))
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert (source["name"], source["dtype"], tuple(source["shape"])) == (
        "audio",
        np.float32,
        (1, 80_000),
    )
    assert (result["name"], result["dtype"], tuple(result["shape"])) == (
        "arousal_dominance_valence",
        np.float32,
        (1, 3),
    )


@pytest.mark.parametrize("frames", [1, 2, 7, 24, 25, 250, 999, 2500])
def test_backbone_takes_any_number_of_frames(converted: Converted, frames: int) -> None:
    """Even and odd lengths, against the float network on the same log-mel."""
    audio = synthetic_speech(seconds=max(0.1, frames * 32 / 16_000))[: frames * 32]
    features = log_mel(audio, converted.student.config.frontend)
    codes = encode(features, converted.description["input"])[None, :, :, None]
    results = run(converted.backbone, codes)
    with torch.no_grad():
        expected = converted.student.backbone(torch.from_numpy(features)[None, None])
    for steps, float_map, name in zip(results, expected, ("values", "scores"), strict=True):
        truth = float_map.numpy().transpose(0, 2, 3, 1)
        assert steps.shape == truth.shape
        span = np.ptp(converted.cache.ranges[f"backbone.projections.{name}"])
        inside = np.abs(decode(steps, converted.description[name]) - truth)
        assert inside.mean() < 0.02 * span


def test_activations_use_the_calibrated_ranges(converted: Converted) -> None:
    found = tensors(converted.backbone)
    public = {"backbone.projections.values": "values", "backbone.projections.scores": "scores"}
    for path, (low, high) in converted.cache.ranges.items():
        tensor = found["log_mel" if path == "frontend" else public.get(path, path)]
        code = affine(low, high)
        assert float(tensor.quantization.scale[0]) == pytest.approx(code.scale, rel=1e-6), path
        assert int(tensor.quantization.zeroPoint[0]) == code.zero_point - 128, path


def test_hybrid_shares_weights_and_ranges_with_the_backbone(converted: Converted) -> None:
    alone, whole = tensors(converted.backbone), tensors(converted.hybrid)
    shared = [name for name in alone if name.startswith("backbone.")]
    assert len(shared) == 27
    for name in shared:
        # The first layer is depthwise in the hybrid: the same scales, laid out otherwise.
        np.testing.assert_array_equal(
            alone[name].quantization.scale, whole[name].quantization.scale, name
        )


def test_weights_are_int8_with_one_scale_per_output_channel(converted: Converted) -> None:
    found = tensors(converted.backbone)
    weights = {name: t for name, t in found.items() if name.endswith(".weight")}
    assert len(weights) == 9
    for name, weight in weights.items():
        assert weight.type == tflite_file.schema.TensorType.INT8, name
        assert len(weight.quantization.scale) == weight.shape[0], name
        assert not np.any(weight.quantization.zeroPoint), name
    biases = [t for name, t in found.items() if name.endswith(".bias")]
    assert {t.type for t in biases} == {tflite_file.schema.TensorType.INT32}


@pytest.mark.parametrize(
    ("name", "mean", "largest"), [("big", 0.004, 0.02), ("small", 0.015, 0.08)]
)
def test_hybrid_equals_torch(
    name: str, mean: float, largest: float, request: pytest.FixtureRequest
) -> None:
    """The 17 K network's second-order features square the rounding of its pooled values."""
    converted: Converted = request.getfixturevalue(name)
    clips = signals()
    results = np.stack([run(converted.hybrid, clip[None])[0][0] for clip in clips])
    difference = np.abs(results - torch_outputs(converted.student, clips))
    assert difference.mean() <= mean
    assert difference.max() <= largest


def test_backbone_with_float_head_equals_hybrid(converted: Converted) -> None:
    """Under the reference kernels only the two front-ends differ, by float32 rounding."""
    for clip in signals()[:2]:
        whole = run(converted.hybrid, clip[None], REFERENCE)[0][0]
        parts = backbone_then_float_head(converted, clip, REFERENCE)
        np.testing.assert_allclose(parts, whole, atol=5e-4)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.337])
def test_backbone_with_float_head_equals_torch_on_short_clips(
    converted: Converted, seconds: float
) -> None:
    clip = synthetic_speech(seconds=seconds, seed=3)
    parts = backbone_then_float_head(converted, clip)
    expected = torch_outputs(converted.student, [clip])[0]
    np.testing.assert_allclose(parts, expected, atol=0.02)


def test_real_speech_against_torch(big: Converted, shared_data: Path) -> None:
    """The figures the project quotes, on clips that no range was calibrated with."""
    from edge_ser.audio.corpus import read_corpus
    from edge_ser.audio.files import read_audio

    corpus = read_corpus(shared_data / "emodb")
    chosen = [read_audio(clip.path) for clip in corpus[:: len(corpus) // 30]]
    observed = [np.resize(clip, 80_000) for clip in chosen[:16]]
    held_out = [np.resize(clip, 80_000) for clip in chosen[16:30]]
    ranges = with_headroom(observe(big.student, observed))
    cache = CalibrationCache(ranges, "", big.student.config.frontend.sha256(), (), "", 0)
    hybrid = big.hybrid.with_name("real.tflite")
    tflite_hybrid.convert(big.student, cache, hybrid, METADATA)
    results = np.stack([run(hybrid, clip[None])[0][0] for clip in held_out])
    difference = np.abs(results - torch_outputs(big.student, held_out))
    assert difference.mean() <= 0.003
    assert difference.max() <= 0.01


def test_converting_twice_gives_the_same_bytes(small: Converted, tmp_path: Path) -> None:
    again = convert_both(small.student, tmp_path)
    assert again.backbone.read_bytes() == small.backbone.read_bytes()
    assert again.hybrid.read_bytes() == small.hybrid.read_bytes()
    assert again.description == small.description


def test_metadata_is_inside_the_files(converted: Converted, tmp_path: Path) -> None:
    assert tflite_file.read_metadata(converted.backbone) == METADATA
    assert tflite_file.read_metadata(converted.hybrid) == METADATA
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(b"not a flatbuffer at all")
    with pytest.raises(InputError, match="not a TFLite file"):
        tflite_file.read_metadata(foreign)


def test_tensor_data_is_aligned_for_microcontrollers(converted: Converted) -> None:
    content = converted.backbone.read_bytes()
    model = tflite_file.schema.Model.GetRootAs(content, 0)
    for index in range(model.BuffersLength()):
        data = model.Buffers(index)
        if data.DataLength():
            start = data._tab.Vector(data._tab.Offset(4))
            assert start % 16 == 0


def test_operator_versions_load_in_the_legacy_runtime(converted: Converted) -> None:
    for path in (converted.backbone, converted.hybrid):
        versions = tflite_file.operator_versions(tflite_file.parse(path.read_bytes()))
        too_new = {
            name: version
            for name, version in versions.items()
            if version > TFLITE_RUNTIME_2_14.get(name, 0)
        }
        assert too_new == {}


def test_description_lets_a_host_rebuild_the_head(converted: Converted) -> None:
    head, described = converted.student.head, converted.description["head"]
    np.testing.assert_array_equal(np.float32(described["weight"]), head.out.weight.detach().numpy())
    np.testing.assert_array_equal(np.float32(described["bias"]), head.out.bias.detach().numpy())
    assert described["channels"] * described["bands"] == 169
    assert described["second_order"] is head.second_order
    assert converted.description["frontend"] == converted.student.config.frontend.to_dict()
    assert (converted.description["time_stride"], converted.description["receptive_radius"]) == (
        2,
        12,
    )
    names = [layer["name"] for layer in converted.description["layers"]]
    assert names[-2:] == ["values", "scores"] and len(names) == 11


def test_cache_of_another_network_is_refused(big: Converted, tmp_path: Path) -> None:
    ranges = {k: v for k, v in big.cache.ranges.items() if k != "backbone.trunk.after.2"}
    broken = CalibrationCache(ranges, "", "", (), "", 0)
    with pytest.raises(InputError, match=r"backbone\.trunk\.after\.2"):
        tflite_hybrid.convert(big.student, broken, tmp_path / "x.tflite", METADATA)
    assert not (tmp_path / "x.tflite").exists()


def test_unknown_tensor_names_are_refused() -> None:
    """A litert-torch that names tensors otherwise must not give a silently wrong mapping."""
    student = build_student("wav2small-17k").eval()
    channels_last = tflite_backbone.ChannelsLast(student.backbone)
    model = tflite_float.convert(channels_last, torch.zeros(1, 24, 26, 1))
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b"anonymous"
    with pytest.raises(EnvironmentMissing, match=r"trunk\.before\.0"):
        tflite_float.name_tensors(model, module_paths(student))
