"""The real thing without a microphone: PulseAudio's null sink, heard through PortAudio.

A known signal is played with `paplay`; the command line, in its own process, records it from
the monitor. Needs the system packages pulseaudio, pulseaudio-utils, libportaudio2 and
libasound2-plugins.
"""

from __future__ import annotations

import csv
import json
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from mqtt_broker import Broker, Observer, wait_until
from numpy.typing import NDArray
from offline_pass import assert_read_as_offline
from osc_receiver import all_received
from page_visitor import PageVisitor
from prometheus_client.parser import text_string_to_metric_families
from running_stream import RunningStream
from scipy.signal import correlate
from stream_fixtures import LoopbackSound

from edge_ser import DIMENSIONS
from edge_ser.audio.corpus import read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.bundle import open_bundle
from edge_ser.runtime import load_engine
from edge_ser.stream.sinks.osc import PREFIX

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


@pytest.fixture
def real_speech(shared_data: Path, tmp_path: Path) -> Path:
    """10 s of acted anger at 16 kHz, sentence after sentence, with room above the loudest."""
    clips = [
        clip for clip in read_corpus(shared_data / "emodb") if clip.fields["emotion"] == "anger"
    ]
    audio = np.concatenate([read_audio(clip.path) for clip in clips[:10]])[:160_000]
    assert len(audio) == 160_000
    path = tmp_path / "real.wav"
    soundfile.write(path, audio / 2, 16_000)
    return path


@pytest.mark.slow
def test_all_of_it_at_once_through_a_real_microphone(
    loopback_sound: LoopbackSound,
    exported_bundle: Path,
    real_speech: Path,
    broker: Broker,
    tmp_path: Path,
) -> None:
    """The default model and meaning, every receiver, a rule with a program, a recording."""
    objects, table = tmp_path / "readings.jsonl", tmp_path / "readings.csv"
    heard, told = tmp_path / "heard.wav", tmp_path / "told.jsonl"
    program = tmp_path / "keep.py"
    program.write_text("import sys\nopen(sys.argv[1], 'a').write(sys.stdin.read())\n")
    keep = shlex.join([sys.executable, "-I", "-S", str(program), str(told)])
    with ExitStack() as stack:
        observer = stack.enter_context(closing(Observer(broker.port)))
        osc = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        osc.bind(("127.0.0.1", 0))
        stream = stack.enter_context(
            RunningStream(
                *("--mic", "--bundle", str(exported_bundle), "--vad", "on", "--hop", "0.25"),
                *("--json-file", str(objects), "--csv", str(table), "--web", "127.0.0.1:0"),
                *("--mqtt", f"127.0.0.1:{broker.port}"),
                *("--osc", f"127.0.0.1:{osc.getsockname()[1]}"),
                *("--on", "arousal > 0.2 for 1s", "--exec", keep),
                *("--record", str(heard), "--duration", "13"),
                environment=loopback_sound.environment,
            )
        )
        visitor = PageVisitor(stream.page)
        stream.wait_for_readings(1)
        player = stack.enter_context(loopback_sound.play(real_speech))
        stream.wait_for(told.exists, "an event that the program was told of")
        stream.wait_for_readings(20)
        assert stream.health()["status"] == "ok"
        assert stream.health()["state"] == "speech"
        metrics = scraped(stream)
        stream.finish()
        assert player.wait(timeout=30) == 0
        readings, events = stream.readings, stream.events
        wait_until(lambda: len(observer.of("edge-ser/reading")) >= len(readings))
        wait_until(lambda: len(observer.of("edge-ser/event")) >= len(events))
        bundles = all_received(osc)

    assert stream.process.returncode == 0, stream.log
    assert " lost " not in stream.log
    assert "running level; voice activity by " in stream.log
    assert [reading["end_sample"] for reading in readings] == list(range(16_000, 208_001, 4_000))
    losses = ("dropped", "overflows", "reconnects", "gaps", "invalid", "skipped", "clipped")
    assert {name: readings[-1][name] for name in losses} == dict.fromkeys(losses, 0)

    audio = read_audio(heard)
    assert len(audio) == 208_000
    with_values = [reading for reading in readings if reading["arousal"] is not None]
    assert_read_as_offline(with_values, audio, exported_bundle)
    assert readings[0]["state"] == "no speech" and readings[0]["speech_share"] == 0
    assert with_values == [reading for reading in readings if reading["state"] == "speech"]
    assert len(with_values) > 20
    for reading in readings:
        assert reading["state"] in ("speech", "no speech")
        assert 0 <= reading["speech_share"] <= 1
        assert (reading["speech_share"] >= 0.3) == (reading["state"] == "speech")
    confidences = [reading[f"{name}_confidence"] for reading in with_values for name in DIMENSIONS]
    assert min(confidences) >= 0 and max(confidences) <= 1

    assert [event["active"] for event in events[:2]] == [True, False]
    times = [reading["t"] for reading in readings]
    stored = [json.loads(line) for line in objects.read_text().splitlines()]
    assert stored == stream.lines
    with table.open(newline="") as file:
        assert [float(row["t"]) for row in csv.DictReader(file)] == times
    assert [json.loads(line) for line in observer.of("edge-ser/reading")] == readings
    assert [json.loads(line) for line in observer.of("edge-ser/event")] == events
    assert visitor.times() == times
    assert [json.loads(line) for line in told.read_text().splitlines()] == events
    named = [contents for contents in bundles if f"{PREFIX}/t" in contents]
    assert [contents[f"{PREFIX}/t"] for contents in named] == [[pytest.approx(t)] for t in times]
    assert [contents[f"{PREFIX}/state"] for contents in named] == [[r["state"]] for r in readings]
    assert len(bundles) == len(readings) + len(events)

    by_state = {key: count for key, count in metrics["edge_ser_readings_total"].items() if count}
    scraped_until = round(sum(by_state.values()))
    assert by_state == Counter(reading["state"] for reading in readings[:scraped_until])
    assert set(by_state) == {"speech", "no speech"} and scraped_until >= 20
    receivers = {"stdout", "json file", "csv", "mqtt", "osc", "web", "exec 1"}
    for name in ("edge_ser_sink_lost_total", "edge_ser_sink_failures_total"):
        assert metrics[name] == dict.fromkeys(receivers, 0)
    sent = metrics["edge_ser_sink_sent_total"]
    assert set(sent) == receivers
    # An action only takes events, everybody else takes readings too.
    assert sent.pop("exec 1") >= 1 and min(sent.values()) >= 20


def scraped(stream: RunningStream) -> dict[str, dict[str, float]]:
    """What Prometheus would see now: name -> the sample's only label, or "" -> value."""
    with urllib.request.urlopen(f"{stream.page}metrics", timeout=10) as answer:
        text = answer.read().decode()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})["".join(sample.labels.values())] = sample.value
    return found
