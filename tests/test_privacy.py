"""No audio is stored and none leaves: the real program, every system call of it looked at.

`--record` is the control: it must be found by the same means.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from numpy.typing import NDArray
from running_stream import RunningStream
from stream_fixtures import LoopbackSound
from test_mqtt import Broker
from traced import calls, peers, sent, strace, touched
from websockets.sync.client import connect

import edge_ser
from edge_ser.errors import InputError
from edge_ser.stream.options import OutputOptions
from edge_ser.stream.recorder import Recorder
from edge_ser.stream.web.server import SOCKET_PATH

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason=f"system calls are watched on Linux, this is {sys.platform}"
)

HARMLESS = {"/dev/null", "/proc/self/coredump_filter"}
"""What a stream opens for writing and keeps nothing in: the second forbids memory dumps."""

SECONDS = 6.0

Needles = list[tuple[str, bytes]]
"""Pieces of audio to look for, with the name of their spelling."""


@pytest.fixture(scope="module")
def sound() -> NDArray[np.int16]:
    """Six seconds at 16 kHz, (96000,): the model hears exactly these samples."""
    return np.round(synthetic_speech(SECONDS) * 32_767).astype(np.int16)


@pytest.fixture
def speech(tmp_path: Path, sound: NDArray[np.int16]) -> Path:
    """The same as a file."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, sound, 16_000, subtype="PCM_16")
    return path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An empty home; Python keeps no compiled modules, as in the service units."""
    (tmp_path / "home").mkdir()
    (tmp_path / "temporary").mkdir()
    changes = {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return {name: value for name, value in os.environ.items() if name != "CI"} | changes


def spellings(samples: NDArray[np.int16]) -> dict[str, list[bytes]]:
    """What a few neighbouring samples look like in every usual way of storing or sending them."""
    exact = samples.astype(np.float64) / 32_768
    raw = {
        **{f"s16 {order}": samples.astype(f"{order}i2").tobytes() for order in "<>"},
        **{f"f32 {order}": exact.astype(f"{order}f4").tobytes() for order in "<>"},
        "f64": exact.tobytes(),
        "s32": (samples.astype(np.int32) << 16).tobytes(),
        "s24": b"".join(struct.pack("<i", int(sample) << 8)[:3] for sample in samples),
    }
    found = {name: [content] for name, content in raw.items()}
    for name, content in raw.items():
        # Three positions within base64's groups of three bytes; the edges depend on neighbours.
        found[f"base64 {name}"] = [
            base64.b64encode(b"\0" * shift + content)[4:-4] for shift in range(3)
        ]
        found[f"hex {name}"] = [content.hex().encode()]
    for separator in (",", ", ", " ", "\n"):
        found[f"text {separator!r}"] = [
            separator.join(str(sample) for sample in samples).encode(),
            separator.join(repr(float(sample)) for sample in exact).encode(),
            separator.join(repr(float(sample))[:8] for sample in exact).encode(),
        ]
    return found


@pytest.fixture(scope="module")
def needles(sound: NDArray[np.int16]) -> Needles:
    """Short pieces from all over the sound in every spelling, with its name."""
    starts = range(0, len(sound) - 8, 997)
    loud = [start for start in starts if np.abs(sound[start : start + 8]).min()]
    assert len(loud) > 40
    return [
        (name, form)
        for start in loud
        for name, forms in spellings(sound[start : start + 8]).items()
        for form in forms
    ]


def audio_in(content: bytes, needles: Needles) -> set[str]:
    """In which ways samples of the sound are in the content: names of `spellings`."""
    return {name for name, form in needles if form in content}


def everything(output: Path) -> bytes:
    """All bytes that left the program by whatever way."""
    return b"\n".join(sent(output).values())


def run_traced(output: Path, environment: dict[str, str], *words: str) -> str:
    """The command's standard output."""
    command = [*strace(output), sys.executable, "-m", "edge_ser", "stream", *words]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_nothing_is_written_but_standard_output(
    speech: Path, needles: Needles, environment: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "calls"
    lines = run_traced(output, environment, "--file", str(speech), "--json").splitlines()
    assert len(lines) > 10
    assert touched(output) <= HARMLESS
    assert not peers(output)
    assert not audio_in(everything(output), needles)
    assert not list(Path(environment["HOME"]).rglob("*"))
    assert not list(Path(environment["TMPDIR"]).rglob("*"))


def test_the_same_with_onnxruntime_which_would_report_home(
    speech: Path, needles: Needles, environment: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "calls"
    engine = ("--engine", "onnxruntime", "--level", "window")
    assert run_traced(output, environment, "--file", str(speech), "--json", *engine)
    assert touched(output) <= HARMLESS
    assert not [call for call in calls(output) if call.name in ("connect", "sendto")]
    assert not audio_in(everything(output), needles)


def test_a_recording_is_found_by_the_same_means(
    speech: Path, needles: Needles, environment: dict[str, str], tmp_path: Path
) -> None:
    output, recording = tmp_path / "calls", tmp_path / "heard.wav"
    run_traced(output, environment, "--file", str(speech), "--json", "--record", str(recording))
    assert touched(output) <= HARMLESS | {str(recording)}
    assert "f32 <" in audio_in(everything(output), needles)


def test_a_recording_is_its_owners_alone(tmp_path: Path) -> None:
    with Recorder(tmp_path / "heard.wav") as recorder:
        recorder.write(np.ones(800, np.float32))
    assert (tmp_path / "heard.wav").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link.wav").symlink_to(tmp_path / "elsewhere.wav")
    with pytest.raises(InputError, match="would overwrite"):
        Recorder(tmp_path / "link.wav")
    assert not (tmp_path / "elsewhere.wav").exists()


@pytest.mark.parametrize("name", ["s16 >", "base64 s16 <", "hex f32 <", "text ', '", "s24"])
def test_every_spelling_would_be_found(
    name: str, sound: NDArray[np.int16], needles: Needles
) -> None:
    whole = spellings(sound)[name]
    assert name in audio_in(b"header" + whole[0] + b"trailer", needles)


class Webhook:
    """Takes posts."""

    def __init__(self) -> None:
        posts = self.posts = []  # type: list[bytes]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posts.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """Somebody who wants to hear of events."""
    webhook = Webhook()
    yield webhook
    webhook.server.shutdown()
    webhook.server.server_close()


def test_every_sink_gets_readings_and_none_gets_audio(
    sound: NDArray[np.int16],
    needles: Needles,
    environment: dict[str, str],
    tmp_path: Path,
    webhook: Webhook,
) -> None:
    """All at once, each really receiving, on loopback."""
    output, table, lines = tmp_path / "calls", tmp_path / "r.csv", tmp_path / "r.jsonl"
    broker = Broker(tmp_path)
    words = (
        *("--pcm", "--vad", "off", "--web", "127.0.0.1:0", "--mqtt", f"127.0.0.1:{broker.port}"),
        *("--osc", "127.0.0.1:9", "--csv", str(table), "--json-file", str(lines)),
        *("--on", "level > -70", "--webhook", webhook.url, "--name", "heard"),
        *("--on", "level > -80", "--exec", f"{sys.executable} -c 'input()'"),
    )
    with ExitStack() as stack:
        stack.callback(broker.kill)
        stream = stack.enter_context(
            RunningStream(*words, environment=environment, feed=True, prefix=strace(output))
        )
        stack.callback(stream.input.close)  # the program outlives a strace that is killed
        address = stream.page.replace("http", "ws", 1) + SOCKET_PATH.removeprefix("/")
        page = stack.enter_context(connect(address))
        half = len(sound) // 2
        stream.input.write(sound[:half].tobytes())
        stream.input.flush()
        stream.wait_for_readings(3)
        assert b"edge_ser" in stream_metrics(stream.page)
        heard = [json.loads(page.recv(timeout=60)) for _ in range(3)]
        stream.wait_for(lambda: webhook.posts, "a post")
        stream.input.write(sound[half:].tobytes())
        stream.input.close()
        stream.finish()
    assert len(stream.readings) > 10 and heard
    assert len(table.read_text().splitlines()) > 10 and lines.read_text()
    assert touched(output) <= HARMLESS | {str(table), str(lines)}
    assert peers(output) <= {"127.0.0.1", "0.0.0.0"}
    content = everything(output)
    assert b"homeassistant" in content and b"/edge-ser/arousal" in content  # MQTT, OSC
    assert not audio_in(content, needles)


def stream_metrics(page: str) -> bytes:
    """What Prometheus would get."""
    with urllib.request.urlopen(f"{page}metrics", timeout=30) as answer:
        content: bytes = answer.read()
    return content


def test_a_microphone_writes_no_more_than_its_sound_system_needs(
    loopback_sound: LoopbackSound, speech: Path, tmp_path: Path
) -> None:
    """PortAudio's libraries look for a JACK server (shared memory) and keep PulseAudio's cookie."""
    output = tmp_path / "calls"
    environment = {**loopback_sound.environment, "PYTHONDONTWRITEBYTECODE": "1"}
    loopback_sound.play(speech)
    run_traced(output, environment, "--mic", "--json", "--duration", "3")
    home = environment["HOME"]
    allowed = (f"{home}/.config/pulse", "/dev/shm/jack", "/dev/shm/pulse", "memfd:", "/memfd:")
    others = touched(output) - HARMLESS
    assert not [path for path in others if not path.startswith(allowed)]


def test_a_crash_leaves_no_memory_behind() -> None:
    """The limit on a dump's size, and what a dump that is taken anyway would hold."""
    program = (
        "import resource, os\n"
        "from edge_ser.stream.service.crash import forbid_memory_dumps\n"
        "resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))\n"
        "forbid_memory_dumps()\n"
        "print(*resource.getrlimit(resource.RLIMIT_CORE), flush=True)\n"
        "print(open('/proc/self/coredump_filter').read().strip(), flush=True)\n"
        "os.abort()\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.returncode == -signal.SIGABRT
    assert answer.stdout.split() == ["0", "0", "00000000"]


def test_onnxruntime_is_told_to_report_nothing(tmp_path: Path) -> None:
    """Set by the package itself, before anything can import it; a user's own choice stays."""
    assert os.environ["ORT_DISABLE_TELEMETRY"]
    program = "import edge_ser, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    root = str(Path(edge_ser.__file__).parents[1])
    for given, expected in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": root, **given}
        answer = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment
        )
        assert answer.stdout.strip() == expected


def test_the_note_names_every_output(repository: Path) -> None:
    text = (repository / "docs" / "PRIVACY.md").read_text()
    outputs = {field.name for field in fields(OutputOptions)} - {"stdout"}
    options = {
        f"--{name.replace('_', '-')}" for name in outputs | {"webhook", "webhook_file", "exec"}
    }
    assert not [option for option in options if f"`{option}`" not in text]
    assert "standard output" in text and "Prometheus" in text and "browser page" in text
