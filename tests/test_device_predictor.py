"""A device that predicts clips: the C engine behind a probe, and a process that listens."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_fixtures import change_manifest
from conftest import synthetic_speech
from numpy.typing import NDArray
from ssh_server import SSHD, start_server

from device_tests import listener
from device_tests.cached import default_cache
from device_tests.devices import DEVICES
from device_tests.host_tools import missing_packages
from device_tests.predictor import device_predictor, heard_by, listening
from device_tests.session import Settings
from device_tests.ssh_connection import SshOptions
from edge_ser.bundle import open_bundle
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime import load_engine


@pytest.fixture
def settings() -> Settings:
    cache = Path(os.environ.get("EDGE_SER_DEVICE_CACHE") or default_cache())
    return Settings(
        engines=(), cache=cache, mirror=None, speech=(), stream=None, board="cortex-m4",
        baud=115_200, ssh=SshOptions(), say=lambda _: None,
    )  # fmt: skip


@pytest.fixture
def clips() -> list[NDArray[np.float32]]:
    return [synthetic_speech(seconds, seed) for seed, seconds in enumerate((1.0, 0.7, 6.0))]


def _here(bundle_path: Path, engine: str, clips: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    with open_bundle(bundle_path) as bundle:
        loaded = load_engine(bundle, engine)
        return np.stack([loaded.predict(clip) for clip in clips])


@pytest.mark.slow
def test_the_c_engine_behind_a_probe_answers_as_the_engine_in_this_process(
    exported_bundle: Path, settings: Settings, clips: list[NDArray[np.float32]]
) -> None:
    with device_predictor("host", exported_bundle, settings) as predict:
        there = np.stack([predict(clip) for clip in clips])
        again = predict(clips[0])
    # Another compiler call: the float front-end may differ in its last bits, a code never by much.
    assert np.abs(there - _here(exported_bundle, "c", clips)).max() < 1e-5
    assert np.array_equal(again, there[0])


def test_a_firmware_with_a_window_refuses_longer_clips(clips: list[NDArray[np.float32]]) -> None:
    unasked: Any = None
    with pytest.raises(InputError, match=r"6\.0 s is longer than the firmware's window"):
        heard_by(unasked, longest_seconds=5.0)(clips[2])


@pytest.mark.device
@pytest.mark.skipif(
    bool(missing_packages(DEVICES["rpi-aarch64"])), reason="needs qemu-user and its packages"
)
def test_an_emulated_system_answers_as_this_machine(
    exported_bundle: Path, settings: Settings, clips: list[NDArray[np.float32]]
) -> None:
    with device_predictor("rpi-aarch64", exported_bundle, settings) as predict:
        there = np.stack([predict(clip) for clip in clips])
    assert np.abs(there - _here(exported_bundle, "litert", clips)).max() < 0.02


@pytest.mark.slow
@pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="needs an ssh server")
def test_a_device_over_ssh_answers_and_is_left_as_it_was(
    bundle_copy: Path, settings: Settings, clips: list[NDArray[np.float32]], tmp_path: Path
) -> None:
    change_manifest(bundle_copy, lambda manifest: manifest.update(target="linux-x86_64"))
    with start_server(tmp_path / "ssh", bare=True) as server:
        there = dataclasses.replace(settings, ssh=server.options)
        with device_predictor(str(server.address()), bundle_copy, there) as predict:
            values = np.stack([predict(clip) for clip in clips])
        assert server.leftovers == []
    assert np.abs(values - _here(bundle_copy, "c", clips)).max() < 1e-5


@pytest.fixture
def listening_here(exported_bundle: Path) -> Iterator[list[str]]:
    yield [sys.executable, listener.__file__, str(exported_bundle), "onnxruntime"]


@pytest.mark.slow
def test_a_process_that_listens_answers_every_clip(
    exported_bundle: Path,
    listening_here: list[str],
    clips: list[NDArray[np.float32]],
) -> None:
    with listening(listening_here, limit_seconds=60) as predict:
        there = np.stack([predict(clip) for clip in clips])
    assert np.array_equal(there, _here(exported_bundle, "onnxruntime", clips))


def test_a_process_that_ends_is_a_failed_gate_with_its_last_words(
    clips: list[NDArray[np.float32]],
) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such bundle')"]
    with (
        listening(command, limit_seconds=30) as predict,
        pytest.raises(GateFailed, match="ended: no such bundle"),
    ):
        predict(clips[0])


def test_a_process_that_hangs_is_given_up(clips: list[NDArray[np.float32]]) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with (
        listening(command, limit_seconds=0.2) as predict,
        pytest.raises(GateFailed, match=r"within 0\.2 s"),
    ):
        predict(clips[0])


def test_a_clip_that_is_too_short_never_reaches_the_device(
    clips: list[NDArray[np.float32]],
) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with (
        listening(command, limit_seconds=5) as predict,
        pytest.raises(InputError, match=r"shorter than 0\.5 s"),
    ):
        predict(clips[0][:100])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tflite-micro", "runs the backbone alone"),
        ("rpi-nothing", "no device called"),
        ("toaster", "no board"),
    ],
)
def test_what_is_no_device_for_clips_is_refused(
    name: str, message: str, exported_bundle: Path, settings: Settings
) -> None:
    with (
        pytest.raises(InputError, match=message),
        device_predictor(name, exported_bundle, settings),
    ):
        pass
