"""The four MobileNets: published counts, geometry, quantisation points, parity of their exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="students are torch modules")

import torch
from numpy.typing import NDArray
from torch import nn

from calibration.cache import CalibrationCache
from calibration.headroom import with_headroom
from calibration.observe import observe, observed_modules
from edge_ser.errors import InputError
from edge_ser.frontend.filterbank import mel_matrix
from edge_ser.students.blocks import HardSwish, SqueezeExcite, divisible
from edge_ser.students.catalogue import build_student
from edge_ser.students.cost import multiply_accumulates, parameter_count
from edge_ser.students.mobilenet import FEATURES, FRONTEND, Variant, trunk_of
from edge_ser.students.student import Student

NAMES = ("mobilenetv4-s", "mobilenetv4-m", "mobilenetv3-s", "mobilenetv3-l")

WINDOW = 16_000
"""Samples of the clips here: short, so that four networks stay quick."""

PUBLISHED: dict[Variant, int] = {
    "v4-small": 3_774_024,
    "v4-medium": 9_715_512,
    "v3-small": 2_542_856,
    "v3-large": 5_483_032,
}
"""Parameters with three input channels and 1000 classes: 3.8 M and 9.7 M (arXiv 2404.10518),
2.5 M and 5.4 M (arXiv 1905.02244), to the last one as timm's and torchvision's models have them."""


SHARE_OF_SPREAD = {False: 0.6, True: 1.5}
"""Whether activations are int8 -> largest mean error, of the outputs' deviation. Wide: untrained
networks amplify every rounding, trained ones do not (docs/STUDENTS.md); a wrong graph is wider."""


def clips(count: int = 6) -> list[NDArray[np.float32]]:
    """Noise under changing envelopes: every network answers differently to each."""
    random = np.random.default_rng(0)
    time = np.arange(WINDOW) / 16_000
    return [
        (
            random.standard_normal(WINDOW) * (1 + np.sin(2 * np.pi * (2 + n) * time))
            + 3 * np.sin(2 * np.pi * 150 * (n + 1) * time)
        ).astype(np.float32)
        for n in range(count)
    ]


def calibrated(name: str) -> Student:
    """Random weights, and batch norms that have seen the clips."""
    torch.manual_seed(0)
    student = build_student(name).train()
    with torch.no_grad():
        for module in student.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the plain mean over all batches
        for _ in range(2):
            student(torch.from_numpy(np.stack(clips())))
    return student.eval()


@pytest.mark.parametrize("variant", list(PUBLISHED))
def test_the_imagenet_form_has_the_published_parameters(variant: Variant) -> None:
    features = FEATURES[variant]
    classifier = features * 1000 + 1000
    assert parameter_count(trunk_of(variant, inputs=3)) + classifier == PUBLISHED[variant]


def test_the_small_v4_student_is_about_the_papers() -> None:
    student = build_student("mobilenetv4-s")
    # The paper's has 3.12 M; it says nothing of its head.
    assert parameter_count(student.backbone) + parameter_count(student.head) == 3_148_707
    assert parameter_count(student) == 3_322_371


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [8_000, 16_001, 48_000])
def test_any_duration_gives_three_values(name: str, samples: int) -> None:
    student = build_student(name).eval()
    with torch.no_grad():
        values, scores = student.backbone(student.frontend(torch.randn(2, samples)))
        assert student(torch.randn(2, samples)).shape == (2, 3)
    frames = -(-(samples // FRONTEND.hop) // student.shape.time_stride)
    assert values.shape == scores.shape == (2, student.shape.channels, frames, 1)


@pytest.mark.parametrize("name", ["mobilenetv4-s", "mobilenetv4-m"])
def test_receptive_radius(name: str) -> None:
    student = build_student(name).eval()
    radius, stride = student.shape.receptive_radius, student.shape.time_stride
    assert radius is not None
    middle = 2 * (radius // stride + 1)
    log_mel = torch.rand(1, 1, 2 * middle * stride // 2 + radius, FRONTEND.n_mels).double()
    log_mel.requires_grad_()
    values, _ = student.backbone.double()(log_mel)
    (gradient,) = torch.autograd.grad(values[0, :, middle // 2 + 1].abs().sum(), log_mel)
    touched = torch.nonzero(gradient.abs().sum((0, 1, 3)))[:, 0]
    position = (middle // 2 + 1) * stride
    assert max(position - int(touched.min()), int(touched.max()) - position) == radius


@pytest.mark.parametrize("name", ["mobilenetv3-s", "mobilenetv3-l"])
def test_squeeze_excite_reaches_all_of_time(name: str) -> None:
    student = calibrated(name)
    assert student.shape.receptive_radius is None
    before = torch.rand(1, 1, 2_000, FRONTEND.n_mels)
    after = before.clone()
    after[:, :, :100] += 2.0
    with torch.no_grad():
        moved = (student.backbone(before)[0] - student.backbone(after)[0]).abs()
    assert (moved.amax((0, 1, 3)) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_none_of_them_runs_in_blocks(name: str) -> None:
    assert not build_student(name).runs_in_blocks
    assert build_student("wav2small").runs_in_blocks


def test_every_mel_band_holds_a_bin() -> None:
    assert ((mel_matrix(FRONTEND) > 0).sum(axis=1) > 0).all()


def test_divisible_never_loses_more_than_a_tenth() -> None:
    for channels in np.arange(4.0, 400.0, 0.5):
        rounded = divisible(channels)
        assert rounded % 8 == 0 and rounded >= 0.9 * min(channels, rounded + channels)


def test_squeeze_excite_is_a_gate_from_means() -> None:
    torch.manual_seed(1)
    layer, x = SqueezeExcite(32), torch.randn(2, 32, 7, 5)
    with torch.no_grad():
        means = x.mean((2, 3), keepdim=True)
        before = layer.expand.conv(torch.relu(layer.reduce.conv(means)))
        gate = torch.clamp(before / 6 + 0.5, 0, 1)
        torch.testing.assert_close(layer(x), x * gate)


def test_hard_swish_by_its_formula() -> None:
    x = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(HardSwish()(x), x * torch.clamp(x + 3, 0, 6) / 6)


def test_multiply_accumulates_of_a_second() -> None:
    small, large = (multiply_accumulates(build_student(n), 80_000) for n in NAMES[:2])
    assert (small, large) == (250_827_520, 667_509_760)


@pytest.mark.parametrize("name", NAMES)
def test_each_point_is_observed_once(name: str) -> None:
    student = calibrated(name)
    ranges = observe(student, clips(2))
    assert set(ranges) == set(observed_modules(student))
    assert {"frontend", "backbone.projections.values", "backbone.projections.scores"} <= set(ranges)


@pytest.fixture(scope="module", params=NAMES)
def network(request: pytest.FixtureRequest) -> tuple[Student, CalibrationCache]:
    """Each of the four with ranges over the clips."""
    student = calibrated(request.param)
    ranges = with_headroom(observe(student, clips()))
    frontend = student.config.frontend.sha256()
    return student, CalibrationCache(ranges, "", frontend, (), "test", 0)


def truth(student: Student, audio: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    with torch.inference_mode():
        result: NDArray[np.float32] = student(torch.from_numpy(np.stack(audio))).numpy()
    return result


@pytest.mark.slow
@pytest.mark.parametrize("int8_activations", [False, True])
def test_onnx_float_equals_torch_and_int8_is_near(
    network: tuple[Student, CalibrationCache],
    int8_activations: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxsim", reason="the export needs the 'export' extra")
    from firmware_export import onnx_float, onnx_int8

    student, cache = network
    monkeypatch.setattr(student, "int8_activations", int8_activations)
    full, quantised = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx_float.convert(student, full, {})
    onnx_int8.convert(full, student, cache, quantised, {})
    assert quantised.stat().st_size < 0.45 * full.stat().st_size
    expected = truth(student, clips())

    def run(path: Path) -> NDArray[np.float32]:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        result: NDArray[np.float32] = session.run(None, {"audio": np.stack(clips())})[0]
        return result

    # Untrained networks amplify what float32 rounds.
    assert np.abs(run(full) - expected).max() < 3e-4
    errors = np.abs(run(quantised) - expected)
    assert errors.mean() < SHARE_OF_SPREAD[int8_activations] * expected.std()


@pytest.mark.slow
@pytest.mark.parametrize("int8_activations", [False, True])
def test_tflite_is_near_torch(
    network: tuple[Student, CalibrationCache],
    int8_activations: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    pytest.importorskip("litert_torch", reason="the export needs the 'export' extra")
    from firmware_export import tflite_hybrid

    student, cache = network
    monkeypatch.setattr(student, "int8_activations", int8_activations)
    monkeypatch.setattr(tflite_hybrid, "FIXED_SAMPLES", WINDOW)
    tflite_hybrid.convert(student, cache, tmp_path / "int8.tflite", {})
    interpreter = interpreters.Interpreter(str(tmp_path / "int8.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for clip in clips():
        interpreter.set_tensor(source["index"], clip[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(result["index"])[0].copy())
    errors = np.abs(np.array(found) - truth(student, clips()))
    assert errors.mean() < SHARE_OF_SPREAD[int8_activations] * truth(student, clips()).std()
    if int8_activations:
        types = [str(detail["dtype"]) for detail in interpreter.get_tensor_details()]
        assert sum("int8" in name for name in types) > 100


def test_a_cache_of_another_network_is_refused() -> None:
    pytest.importorskip("ai_edge_litert", reason="the export needs the 'export' extra")
    from firmware_export import tflite_quantise

    with pytest.raises(InputError, match="has no range of"):
        tflite_quantise.check_ranges(build_student("mobilenetv4-s"), {"frontend": (0.0, 1.0)})
