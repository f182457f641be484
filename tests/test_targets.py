"""Targets and size gates."""

from __future__ import annotations

import pytest

from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime import ENGINE_ORDER
from firmware_export.gates import SIZE_GATES, check_sizes
from firmware_export.targets import TARGETS, find_target

WAV2SMALL = {
    "model.int8.onnx": 115_000,
    "model.int8.tflite": 130_000,
    "backbone.int8.tflite": 97_000,
}


def test_known_targets() -> None:
    assert find_target("rpi").machine == "aarch64"
    assert find_target("linux-x86_64").machine == "x86_64"
    assert all(set(target.engines) <= set(ENGINE_ORDER) for target in TARGETS.values())


@pytest.mark.parametrize(("typed", "meant"), [("rpy", "rpi"), ("linux", "linux-x86_64")])
def test_unknown_target_names_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"no target called '{typed}'") as caught:
        find_target(typed)
    assert f"did you mean {meant!r}" in caught.value.hint


def test_unknown_target_without_a_near_name_lists_all() -> None:
    with pytest.raises(InputError) as caught:
        find_target("zzz")
    assert "did you mean" not in caught.value.hint
    assert "rpi, linux-x86_64" in caught.value.hint


def test_the_promised_gates() -> None:
    assert SIZE_GATES["wav2small"] == WAV2SMALL
    check_sizes("wav2small", WAV2SMALL)


@pytest.mark.parametrize("name", WAV2SMALL)
def test_one_byte_over_fails(name: str) -> None:
    with pytest.raises(GateFailed, match=f"{name} has .* the gate is"):
        check_sizes("wav2small", {**WAV2SMALL, name: WAV2SMALL[name] + 1})
