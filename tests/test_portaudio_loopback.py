"""The real thing without a microphone: PulseAudio's null sink, heard through PortAudio.

A known signal is played with `paplay`; the command line, in its own process, records it from
the monitor. Needs the system packages pulseaudio, pulseaudio-utils, libportaudio2 and
libasound2-plugins.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from numpy.typing import NDArray
from scipy.signal import correlate
from stream_fixtures import LoopbackSound

from edge_ser.audio.files import read_audio
from edge_ser.bundle import open_bundle
from edge_ser.runtime import load_engine

COMMAND = [sys.executable, "-m", "edge_ser", "stream"]


def has_portaudio() -> bool:
    """Whether the library is there; only the absence of the library is a reason to skip."""
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not has_portaudio(), reason="no PortAudio library: sudo apt install libportaudio2"
)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """8 s of synthetic speech at 16 kHz."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, synthetic_speech(8.0, seed=3), 16_000)
    return path


def listen(
    sound: LoopbackSound, repository: Path, bundle: Path, *options: str
) -> subprocess.Popen[str]:
    """Start the verb on the loopback microphone."""
    return subprocess.Popen(
        [*COMMAND, "--mic", "--json", "--bundle", str(bundle), *options],
        cwd=repository,
        env=sound.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[list[dict[str, Any]], str]:
    """Readings and standard error of a stream that ended well."""
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return [json.loads(line) for line in output.splitlines()], errors


def delay_and_likeness(
    heard: NDArray[np.float32], played: NDArray[np.float32], at: int
) -> tuple[int, float]:
    """Delay in samples of the second of `played` that begins at `at`, and its correlation."""
    second = played[at : at + 16_000]
    place = int(np.argmax(correlate(heard, second, mode="valid", method="fft")))
    likeness = np.corrcoef(heard[place : place + len(second)], second)[0, 1]
    return place - at, float(likeness)


def test_what_is_played_is_heard_and_read_as_offline(
    loopback_sound: LoopbackSound,
    repository: Path,
    exported_bundle: Path,
    speech: Path,
    tmp_path: Path,
) -> None:
    recording = tmp_path / "heard.wav"
    # Each window computed whole and none withheld: what an offline prediction is equal to.
    options = ("--vad", "off", "--level", "window", "--duration", "11", "--record", str(recording))
    process = listen(loopback_sound, repository, exported_bundle, *options)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())  # it listens from here on
    with loopback_sound.play(speech) as player:
        readings, errors = finished(process)
        assert player.wait(timeout=30) == 0
    readings = [first, *readings]

    heard = read_audio(recording)
    assert len(heard) == 11 * 16_000
    played = read_audio(speech)
    seconds = [
        delay_and_likeness(heard, played, at) for at in range(0, len(played) - 15_999, 16_000)
    ]
    shifts, likenesses = zip(*seconds, strict=True)
    # Two resamplers of PulseAudio lie between; a lost or repeated sample would move the rest.
    assert min(likenesses) > 0.99
    assert max(shifts) - min(shifts) <= 1
    assert min(shifts) > 8_000
    assert not heard[:8_000].any()  # nothing was played yet

    assert readings[-1]["end_sample"] == len(heard)
    assert len(readings) + readings[-1]["skipped"] == 21
    assert readings[-1]["dropped"] == readings[-1]["clipped"] == 0
    with open_bundle(exported_bundle) as bundle:
        engine = load_engine(bundle)
    for reading in readings:
        offline = engine.predict(heard[reading["start_sample"] : reading["end_sample"]])
        assert [reading["arousal"], reading["dominance"], reading["valence"]] == offline.tolist()
    assert [reading["partial"] for reading in readings] == [
        reading["end_sample"] < 80_000 for reading in readings
    ]
    assert "recording what the model hears" in errors


def test_devices_are_listed_and_chosen_by_name(
    loopback_sound: LoopbackSound, repository: Path, exported_bundle: Path
) -> None:
    listed = subprocess.run(
        [*COMMAND, "--list-devices"],
        cwd=repository,
        env=loopback_sound.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pulse" in listed.stdout and "ALSA" in listed.stdout
    readings, errors = finished(
        listen(loopback_sound, repository, exported_bundle, "--device", "PULSE", "--duration", "1")
    )
    assert [reading["end_sample"] for reading in readings] == [16_000]
    assert "audio from pulse" in errors


def test_ctrl_c_closes_the_microphone(
    loopback_sound: LoopbackSound, repository: Path, exported_bundle: Path
) -> None:
    process = listen(loopback_sound, repository, exported_bundle)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = finished(process)
    assert "of audio" in errors
    assert "Traceback" not in errors


def test_a_sound_system_that_dies_is_a_device_error(
    loopback_sound: LoopbackSound, repository: Path, exported_bundle: Path
) -> None:
    process = listen(loopback_sound, repository, exported_bundle, "--no-reconnect")
    assert process.stdout is not None
    process.stdout.readline()
    loopback_sound.unplug()
    begun = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 5, errors
    assert "stopped delivering audio" in errors
    assert time.monotonic() - begun < 30
