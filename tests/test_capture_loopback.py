"""A real PortAudio capture whose sound server dies and returns: PulseAudio's null sink."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from stream_fixtures import LoopbackSound

LIMIT_SECONDS = 60.0


class Listener:
    """`hear.py` in the environment of a sound system."""

    def __init__(self, sound: LoopbackSound, repository: Path, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(repository / "tests/hear.py"), json.dumps(options)],
            cwd=repository,
            env={**sound.environment, "PYTHONPATH": str(repository)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first report that fulfils it."""
        assert self.process.stdout is not None and self.process.stderr is not None
        begun = time.monotonic()
        report: dict[str, Any] = {}
        for line in self.process.stdout:
            report = json.loads(line)
            if "error" in report or condition(report):
                return report
            assert time.monotonic() - begun < LIMIT_SECONDS, report
        pytest.fail(f"it ended: {report} {self.process.stderr.read()}")


def has_more(before: dict[str, Any], report: dict[str, Any]) -> bool:
    """Whether audio came after an earlier report."""
    return bool(report["samples"] > before["samples"])


@pytest.fixture
def listener(loopback_sound: LoopbackSound, repository: Path) -> Iterator[Listener]:
    """Listens to the default microphone at 48 kHz and has heard something."""
    listening = Listener(loopback_sound, repository, mic=True, rate=48_000)
    try:
        listening.until(lambda report: report["samples"] > 0)
        yield listening
    finally:
        listening.process.kill()
        listening.process.communicate(timeout=10)


@pytest.mark.slow
def test_a_sound_server_that_dies_and_returns(
    loopback_sound: LoopbackSound, listener: Listener, tmp_path: Path
) -> None:
    for times in (1, 2):
        loopback_sound.unplug()
        gone = listener.until(lambda report: not report["connected"])
        assert gone["reconnects"] == times - 1
        loopback_sound.plug_in()
        back = listener.until(partial(has_more, gone))
        assert back["reconnects"] == times
        assert back["rate"] == 48_000
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000 * 3).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, 48_000)
    with loopback_sound.play(tmp_path / "noise.wav"):
        heard = listener.until(lambda report: report["loudest"] > 0.1)
    assert heard["reconnects"] == 2
    assert heard["dropped"] == 0


@pytest.mark.slow
def test_without_reconnect_it_is_an_error(loopback_sound: LoopbackSound, repository: Path) -> None:
    listening = Listener(loopback_sound, repository, mic=True, reconnect=False)
    listening.until(lambda report: report["samples"] > 0)
    loopback_sound.unplug()
    report = listening.until(lambda _: False)
    assert "stopped delivering audio" in report["error"]
    assert listening.process.wait(timeout=10) == 5


REFUSED = """
import sys
from dataclasses import replace
from edge_ser.errors import AudioDeviceError
from edge_ser.stream.capture.devices import choose, input_devices
from edge_ser.stream.capture.microphone import Microphone
from edge_ser.stream.capture.portaudio import load_portaudio

sounddevice = load_portaudio()
device = choose(input_devices(sounddevice), None)

def attempt(device, **wishes):
    try:
        with Microphone(sounddevice, device, **wishes):
            print("opened", flush=True)
    except AudioDeviceError as error:
        print(error, flush=True)

attempt(device, channels=33)
attempt(device, rate=1_000_000)
attempt(replace(device, index=99))
attempt(device, channels=32, rate=8_000)
sys.stdin.readline()
attempt(device)
"""


def test_what_the_real_portaudio_refuses_is_explained(
    loopback_sound: LoopbackSound, repository: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", REFUSED],
        env={**loopback_sound.environment, "PYTHONPATH": str(repository)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(4)]
    assert "channels" in said[0] and "-9998" in said[0]
    assert "sample rate" in said[1] and "-9997" in said[1]
    assert "no such audio device" in said[2] and "-9996" in said[2]
    assert said[3] == "opened\n"
    loopback_sound.unplug()
    last, errors = process.communicate("now the server is away\n", timeout=30)
    assert "PortAudio -99" in last, (last, errors)
