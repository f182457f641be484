"""The calibration cache: observed ranges, round trip, and what makes it stale."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from calibration import cache as calibration_cache
from calibration.affine import affine
from calibration.cache import CalibrationCache, CalibrationClip, cache_path
from calibration.observe import observe, observe_each
from edge_ser.errors import InputError
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.students.catalogue import build_student
from edge_ser.students.wav2small import Wav2Small

PATHS = {
    "frontend",
    "backbone.trunk.before.0",
    "backbone.trunk.before.1",
    "backbone.trunk.before.2",
    "backbone.trunk.pool",
    "backbone.trunk.after.0",
    "backbone.trunk.after.1",
    "backbone.trunk.after.2",
    "backbone.trunk.after.3",
    "backbone.projections.values",
    "backbone.projections.scores",
}


@pytest.fixture(scope="module")
def student() -> Wav2Small:
    torch.manual_seed(0)
    student = build_student("wav2small").eval()
    assert isinstance(student, Wav2Small)
    return student


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.standard_normal(n).astype(np.float32) * 0.1 for n in (8000, 16001, 9600)]


@pytest.fixture
def cache() -> CalibrationCache:
    clip = CalibrationClip("a.wav", "0" * 64, "tones", "CC0-1.0", (0.1, 0.2, 1 / 3))
    return CalibrationCache(
        dict.fromkeys(PATHS, (-1 / 3, 2.0)),
        "c" * 64,
        FrontEndSpec().sha256(),
        (clip,),
        "min-max",
        0,
    )


@pytest.mark.parametrize("name", ["wav2small", "wav2small-17k"])
def test_every_quantised_tensor_is_observed(name: str, clips: list[np.ndarray]) -> None:
    assert set(observe(build_student(name), clips)) == PATHS


def test_ranges_are_the_extremes_of_the_modules_outputs(
    student: Wav2Small, clips: list[np.ndarray]
) -> None:
    with torch.inference_mode():
        log_mels = [student.frontend(torch.from_numpy(clip)[None]) for clip in clips]
        first = [student.backbone.trunk.before[0](log_mel) for log_mel in log_mels]
    ranges = observe(student, clips)
    assert ranges["frontend"] == (
        min(float(x.min()) for x in log_mels),
        max(float(x.max()) for x in log_mels),
    )
    assert ranges["backbone.trunk.before.0"] == (0.0, max(float(x.max()) for x in first))


def test_observing_leaves_no_trace(student: Wav2Small, clips: list[np.ndarray]) -> None:
    student.train()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    observe(student, clips)
    assert student.training
    after = student.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(module._forward_hooks for module in student.modules())
    student.eval()


def test_one_dictionary_per_clip(student: Wav2Small, clips: list[np.ndarray]) -> None:
    each = observe_each(student, clips)
    assert each[1] == observe(student, clips[1:2])


def test_nothing_to_observe_is_an_error(student: Wav2Small) -> None:
    with pytest.raises(InputError, match="at least one clip"):
        observe(student, [])


def test_damaged_weights_are_named(clips: list[np.ndarray]) -> None:
    broken = build_student("wav2small").eval()
    with torch.no_grad():
        broken.get_parameter("backbone.trunk.after.1.conv.weight").fill_(float("nan"))
    with pytest.raises(InputError, match=r"after\.1"):
        observe(broken, clips)


def test_round_trip_is_exact(cache: CalibrationCache, tmp_path: Path) -> None:
    path = cache_path(tmp_path / "net.safetensors")
    assert path.name == "net.calibration.json"
    cache.save(path)
    assert calibration_cache.load(path) == cache
    assert calibration_cache.load(path).sha256() == cache.sha256()


def test_stale_caches_are_refused(cache: CalibrationCache) -> None:
    cache.check("c" * 64, FrontEndSpec())
    with pytest.raises(InputError, match="stale"):
        cache.check("d" * 64, FrontEndSpec())
    with pytest.raises(InputError, match="another front-end"):
        cache.check("c" * 64, FrontEndSpec(std_db=21.0))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no calibration cache") as caught:
        calibration_cache.load(tmp_path / "none.json")
    assert "--calibration-audio" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a calibration cache"),
        ("[1]", "not a calibration cache"),
        ('{"kind": "calibration", "schema": 2}', "schema 2"),
        ('{"kind": "calibration", "schema": 1, "clips": []}', "damaged"),
    ],
)
def test_unusable_files(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        calibration_cache.load(path)


@pytest.mark.parametrize("pair", [[1.0, 0.0], [0.0, float("nan")], [0.0], [0, "x"]])
def test_impossible_ranges_are_damage(
    cache: CalibrationCache, pair: list[object], tmp_path: Path
) -> None:
    path = tmp_path / "x.json"
    values = json.loads(cache.to_json())
    values["ranges"]["frontend"] = pair
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="damaged"):
        calibration_cache.load(path)


def test_fingerprint_depends_on_the_ranges(cache: CalibrationCache) -> None:
    other = dataclasses.replace(cache, ranges={**cache.ranges, "frontend": (-1.0, 2.0)})
    assert other.sha256() != cache.sha256()


@pytest.mark.parametrize(("low", "high"), [(0.0, 6.3), (-1.5, 2.9), (0.4, 2.0), (-3.0, -1.0)])
def test_affine_code_holds_zero_exactly_and_the_range_within_half_a_step(
    low: float, high: float
) -> None:
    scale, zero_point = affine(low, high)
    assert 0 <= zero_point <= 255
    codes = np.clip(np.round(np.array([low, high]) / scale) + zero_point, 0, 255)
    assert np.abs((codes - zero_point) * scale - [low, high]).max() <= 0.5001 * scale
