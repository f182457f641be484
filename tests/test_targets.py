"""Targets: the table against everything it refers to, what fits, and the gates."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from device_tests import tflm_host
from device_tests.boards import BOARDS
from device_tests.devices import DEVICES
from edge_ser.bundle.manifest import Figure
from edge_ser.cli import main
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime import ENGINE_ORDER
from firmware_export.c_engine.layout import LAYOUTS
from firmware_export.c_engine.write import SOURCES
from firmware_export.extras import EXTRAS
from firmware_export.gates import MEMORY_GATES, SIZE_GATES, check_memory, check_sizes
from firmware_export.target import Target
from firmware_export.targets import TARGETS, find_target
from firmware_export.toolchains import COMPILERS

WAV2SMALL = {
    "model.int8.onnx": 115_000,
    "model.int8.tflite": 130_000,
    "backbone.int8.tflite": 97_000,
    "backbone.int8.onnx": 97_000,
}

PROMISED = (
    "linux-x86_64 rpi rpi-armv7 rpi-zero cortex-m0plus cortex-m3 cortex-m4 cortex-m7 cortex-m33 "
    "cortex-m55 rv32imc tflm ethos-u55 ethos-u65 ethos-u85 android browser"
)


def test_the_promised_targets() -> None:
    assert " ".join(TARGETS) == PROMISED
    assert find_target("rpi").machine == "aarch64"
    assert find_target("linux-x86_64").machine == "x86_64"


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_everything_a_target_names_exists(target: Target) -> None:
    assert set(target.engines) <= set(ENGINE_ORDER)
    assert target.engines or not target.installer
    assert not target.extra or callable(EXTRAS[target.extra].writer())
    assert target.c or target.extra
    if target.c:
        assert target.c.compiler in COMPILERS
        assert target.c.layout in LAYOUTS
        assert target.linux != bool(target.demo)
    if target.demo:
        for name in (*target.demo.sources, target.demo.script, target.demo.transport):
            assert (SOURCES / "device" / name).is_file(), name


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_what_verifies_a_target_here_is_for_it(target: Target) -> None:
    boards = [BOARDS[name] for name in target.emulated if name in BOARDS]
    devices = [DEVICES[name] for name in target.emulated if name in DEVICES]
    others = [name for name in target.emulated if name == tflm_host.NAME]
    assert len(boards) + len(devices) + len(others) == len(target.emulated)
    targets = {board.target for board in boards} | {device.target for device in devices}
    assert targets <= {target.name}
    every = {board.name for board in BOARDS.values() if board.target == target.name}
    assert every == {board.name for board in boards}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("rpy", "rpi"), ("linux", "linux-x86_64"), ("m3", "cortex-m3"), ("zero", "rpi-zero")],
)
def test_unknown_target_names_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"no target called '{typed}'") as caught:
        find_target(typed)
    assert f"did you mean {meant!r}" in caught.value.hint


def test_unknown_target_without_a_near_name_lists_all() -> None:
    with pytest.raises(InputError) as caught:
        find_target("zzz")
    assert "did you mean" not in caught.value.hint
    assert PROMISED.replace(" ", ", ") in caught.value.hint


def test_the_list_says_of_each_target_what_it_gets_and_who_verified_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", "--list-targets"]) == 0
    paragraphs = capsys.readouterr().out.strip().split("\n\n")
    assert [text.split()[0] for text in paragraphs] == PROMISED.split()
    listed = dict(zip(TARGETS, paragraphs, strict=True))
    assert all(len(line) <= 100 for text in paragraphs for line in text.splitlines())
    for name, text in listed.items():
        assert TARGETS[name].title in text.splitlines()[0]
        for label in ("gets", "runtime", "verified here"):
            assert f"\n  {label} " in text
    assert "256 KiB RAM (nRF52840)" in listed["cortex-m4"]
    assert "dsp layout, float front-end" in listed["cortex-m4"]
    assert "plain layout, fixed front-end" in listed["cortex-m3"]
    assert "edge-ser-live" in listed["rpi-zero"] and "litert" not in listed["rpi-zero"]
    assert "not verified here" in listed["android"]


def test_the_promised_gates() -> None:
    assert SIZE_GATES["wav2small"] == WAV2SMALL
    check_sizes("wav2small", WAV2SMALL)
    assert MEMORY_GATES["wav2small", "cortex-m4"] == {"c_flash": 128_000, "c_buffer": 64_000}


@pytest.mark.parametrize("name", WAV2SMALL)
def test_one_byte_over_fails(name: str) -> None:
    with pytest.raises(GateFailed, match=f"{name} has .* the gate is"):
        check_sizes("wav2small", {**WAV2SMALL, name: WAV2SMALL[name] + 1})


@pytest.mark.parametrize("name", ["c_flash", "c_buffer"])
def test_an_engine_one_byte_over_fails(name: str) -> None:
    gate = MEMORY_GATES["wav2small", "cortex-m4"]
    full = {key: Figure(value, "byte", "measured", "") for key, value in gate.items()}
    check_memory("wav2small", "cortex-m4", full)
    over = full | {name: dataclasses.replace(full[name], value=gate[name] + 1)}
    with pytest.raises(GateFailed, match=f"{name} has .* the gate is"):
        check_memory("wav2small", "cortex-m4", over)
    check_memory("wav2small", "cortex-m7", over)


def test_nothing_built_nothing_gated() -> None:
    check_memory("wav2small", "cortex-m4", {})


def test_no_path_of_the_exporter_is_in_the_table() -> None:
    assert str(Path.home()) not in repr(TARGETS)
