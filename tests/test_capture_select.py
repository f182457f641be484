"""From options to sources; files; the page's own sender; what importing costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from stream_fixtures import FakePortAudio

from edge_ser.errors import AudioDeviceError, InputError
from edge_ser.stream.capture import list_devices, open_source
from edge_ser.stream.capture.file_source import AudioFile
from edge_ser.stream.capture.microphone import Microphone
from edge_ser.stream.capture.websocket import WebSocketSource
from edge_ser.stream.options import InputOptions, PcmInput
from edge_ser.stream.protocols import Source

LIMIT_SECONDS = 20.0


def everything(source: Source) -> NDArray[np.float32]:
    """Until the source ends."""
    blocks = [np.zeros(0, np.float32)]
    limit = time.monotonic() + LIMIT_SECONDS
    while (block := source.read()) is not None:
        assert time.monotonic() < limit
        blocks.append(block)
    return np.concatenate(blocks)


def test_a_microphone(fake_portaudio: FakePortAudio) -> None:
    source = open_source(
        InputOptions(mic=True, device="pulse", rate=96_000, channels=1, reconnect=False)
    )
    assert isinstance(source, Microphone)
    with source:
        (stream,) = fake_portaudio.streams
        chosen = {name: stream.settings[name] for name in ("device", "samplerate", "channels")}
        assert chosen == {"device": 2, "samplerate": 96_000, "channels": 1}
    assert "USB Audio" in list_devices()


def test_a_microphone_that_is_not_there(fake_portaudio: FakePortAudio) -> None:
    with pytest.raises(AudioDeviceError, match="--device webcam"):
        open_source(InputOptions(mic=True, device="webcam"))
    fake_portaudio.devices = []
    with pytest.raises(AudioDeviceError, match="no microphone found"):
        list_devices()


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1)])
def test_a_file_is_resampled_to_its_last_sample(tmp_path: Path, rate: int, channels: int) -> None:
    signal = np.random.default_rng(0).uniform(-0.5, 0.5, (rate, channels)).astype(np.float32)
    signal[5] = 1.0
    soundfile.write(tmp_path / "a.wav", signal, rate, subtype="FLOAT")
    source = open_source(InputOptions(file=tmp_path / "a.wav"))
    assert isinstance(source, AudioFile)
    with source:
        assert (source.live, source.connected, source.rate) == (False, True, rate)
        heard = everything(source)
        assert source.read() is None
        assert (source.counters.frames, source.counters.clipped) == (rate, channels)
    mono = signal.mean(axis=1)
    np.testing.assert_array_equal(
        heard, mono if rate == 16_000 else soxr.resample(mono, rate, 16_000)
    )


def test_a_file_may_be_paced(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 16_000)
    source = open_source(InputOptions(file=tmp_path / "a.wav", realtime=True))
    assert source.live
    with pytest.raises(InputError, match="no audio file"):
        open_source(InputOptions(file=tmp_path / "b.wav"))


@pytest.mark.parametrize("live", [False, True])
def test_standard_input_is_a_pipe(live: bool) -> None:
    """In a process of its own: this one's standard input is the test runner's."""
    program = (
        "from edge_ser.stream.capture import open_source\n"
        "from edge_ser.stream.options import InputOptions, PcmInput\n"
        f"options = InputOptions(pcm=True, realtime={live}, samples=PcmInput(8000))\n"
        "samples = 0\n"
        "with open_source(options) as source:\n"
        "    while (block := source.read()) is not None:\n"
        "        samples += len(block)\n"
        "print(samples, source.live, source.counters.frames)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], input=bytes(16_000), capture_output=True, check=True
    )
    assert run.stdout.decode().split() == ["16000", str(live), "8000"]


def test_importing_capture_brings_no_audio_library() -> None:
    program = (
        "import sys, edge_ser.stream.capture\n"
        "names = ['sounddevice', 'soundfile', 'soxr', 'websockets', 'pylibsrtp', 'torch']\n"
        "print([name for name in names if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout.decode().strip() == "[]"


def test_the_sender_of_the_page_is_heard(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs/CAPTURE.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (tmp_path / "send.py").write_text(program)
    (tmp_path / "token").write_text("a token that nobody guesses\n")
    samples = np.arange(1, 5_001, dtype="<i2")
    with WebSocketSource(
        "127.0.0.1:0", PcmInput(8_000, 2), "a token that nobody guesses"
    ) as source:
        url = f"ws://127.0.0.1:{source.port}/"
        run = subprocess.run(
            [sys.executable, str(tmp_path / "send.py"), url, str(tmp_path / "token")],
            input=samples.tobytes(),
            capture_output=True,
            check=True,
        )
        assert json.loads(run.stderr) == {"ready": True}
        limit = time.monotonic() + LIMIT_SECONDS
        while source.counters.frames < len(samples) or source.connected:
            assert time.monotonic() < limit
            time.sleep(0.005)
        heard = [block for _ in range(10) if (block := source.read()) is not None]
    np.testing.assert_array_equal(np.concatenate(heard) * 2**15, samples)
