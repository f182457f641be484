"""Every receiver at once, all well and all failing; visitors of the page that do not read."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import resource
import socket
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import synthetic_speech
from mqtt_broker import Broker, Observer, wait_until
from osc_receiver import all_received
from page_visitor import PageVisitor
from running_stream import END_SECONDS, Figure, RunningStream, contiguous, speech_file
from websockets.sync.client import connect

from edge_ser.stream.sinks.osc import PREFIX

HOP_SAMPLES = 1_600
FAST = ("--vad", "off", "--hop", "0.1", "--window", "1", "--no-confidence")


def refusing_port() -> int:
    """On loopback, where nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_every_receiver_gets_every_reading(broker: Broker, tmp_path: Path) -> None:
    speech = speech_file(tmp_path / "speech.wav", 60.0)
    objects, table = tmp_path / "readings.jsonl", tmp_path / "readings.csv"
    observer = Observer(broker.port)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as osc:
        osc.bind(("127.0.0.1", 0))
        with RunningStream(
            *("--file", str(speech), "--realtime", *FAST),
            *("--json-file", str(objects), "--csv", str(table), "--web", "127.0.0.1:0"),
            *("--mqtt", f"127.0.0.1:{broker.port}", "--osc", f"127.0.0.1:{osc.getsockname()[1]}"),
            *("--record", str(tmp_path / "heard.wav"), "--smooth", "1s", "--baseline", "10s"),
            *("--on", "arousal > -1", "--exec", f"touch {tmp_path / 'told'}"),
        ) as stream:
            visitor = PageVisitor(stream.page)
            stream.wait_for_readings(30)
            assert stream.health()["status"] == "ok"
            wait_until((tmp_path / "told").exists)
            stream.terminate()
        bundles = all_received(osc)
    windows = stream.total("windows")
    wait_until(lambda: len(observer.of("edge-ser/reading")) == windows)
    observer.close()
    assert windows == len(stream.readings) >= 30
    stored = [json.loads(line) for line in objects.read_text().splitlines()]
    assert stored == stream.lines
    times = [reading["t"] for reading in stream.readings]
    assert visitor.times() == [round(t, 3) for t in times]
    told = [bundle[f"{PREFIX}/t"] for bundle in bundles if f"{PREFIX}/t" in bundle]
    assert told == [[pytest.approx(t)] for t in times]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["end_sample"]) for row in rows] == [r["end_sample"] for r in stream.readings]
    assert " lost " not in stream.log


@pytest.mark.slow
def test_sigterm_while_everything_fails(broker: Broker, tmp_path: Path, figure: Figure) -> None:
    """A full disk, a dead broker, a refused webhook, a program that hangs and one that is not
    there, nobody who reads standard output: one farewell for all of them."""
    speech = speech_file(tmp_path / "speech.wav", 60.0)
    table = tmp_path / "readings.csv"
    program = f"sleep 600.{os.getpid()}"
    broker.kill()
    with RunningStream(
        *("--file", str(speech), "--realtime", *FAST, "--web", "127.0.0.1:0"),
        *("--json-file", str(tmp_path / "readings.jsonl"), "--csv", str(table)),
        *("--mqtt", f"127.0.0.1:{broker.port}", "--osc", f"127.0.0.1:{refusing_port()}"),
        *("--on", "arousal > -1", "--exec", program),
        *("--on", "arousal > -0.9", "--webhook", f"http://127.0.0.1:{refusing_port()}/"),
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    ) as stream:
        stream.wait_for_readings(20)
        stream.stop_reading()
        stream.wait_for(lambda: "File too large" in stream.log, "a full disk")
        stream.wait_for(lambda: stream.health()["audio_seconds"] > 8.0, "audio")
        assert running(program)
        assert stream.health()["status"] == "degraded"
        took = stream.terminate()
        figure("seconds to end", took)
        assert took < END_SECONDS
    windows = stream.total("windows")
    assert windows >= 60
    # Both rules begin and end once, and these events are messages as well.
    assert windows + 4 == len(stream.lines) + stream.lost("stdout")
    assert stream.lost("mqtt") >= windows
    assert not running(program)


def running(arguments: str) -> bool:
    """Whether some process of this machine was started with them."""
    wanted = "\0".join(arguments.split()).encode() + b"\0"
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cmdline").read_bytes() == wanted:
                return True
    return False


@pytest.mark.slow
def test_visitors_who_do_not_read_cost_nobody_anything(figure: Figure) -> None:
    """A page that is open and frozen, requests that never end, and one visitor who reads."""
    seconds = 60
    samples = np.resize(synthetic_speech(10.0, seed=6), seconds * 16_000)
    pcm = (samples * 32767).astype("<i2").tobytes()
    with (
        RunningStream("--pcm", *FAST, "--web", "127.0.0.1:0", feed=True) as stream,
        ExitStack() as stack,
    ):
        stream.input.write(pcm[:64_000])
        stream.input.flush()
        stream.wait_for_readings(5)
        page = urlsplit(stream.page)
        address = (page.hostname or "", page.port or 0)
        frozen = [stack.enter_context(closing(socket.socket())) for _ in range(8)]
        for visitor in frozen:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            visitor.connect(address)
            visitor.sendall(_handshake(page.netloc))
            assert visitor.recv(12) == b"HTTP/1.1 101"
        endless = [stack.enter_context(socket.create_connection(address)) for _ in range(8)]
        for visitor in endless:
            visitor.sendall(b"GET / HTTP/1.1\r\nHost: ")
        reader = stack.enter_context(connect(f"ws://{page.netloc}/ws", max_size=None))
        reader.recv(30)
        resident = stream.resident
        for at in range(64_000, len(pcm), 64_000):
            stream.input.write(pcm[at : at + 64_000])
            stream.input.flush()
        stream.wait_for(lambda: stream.readings[-1]["t"] > seconds - 1, "the rest")
        assert stream.health()["status"] == "ok"
        growth = stream.resident - resident
        stream.terminate()
    figure("growth in MB", growth / 1e6)
    assert growth < 10_000_000
    assert contiguous(stream.readings, HOP_SAMPLES)
    assert stream.total("windows") == len(stream.readings)
    assert stream.lost("web") == 0


def _handshake(host: str) -> bytes:
    """Of a browser that opens a WebSocket."""
    return (
        f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


@pytest.mark.slow
def test_receivers_that_fail_for_ever_do_not_cost_memory(tmp_path: Path, figure: Figure) -> None:
    """Six thousand readings, each refused by three receivers."""
    speech = speech_file(tmp_path / "speech.wav", 600.0)
    with RunningStream(
        *("--file", str(speech), *FAST),
        *("--json-file", str(tmp_path / "readings.jsonl"), "--csv", str(tmp_path / "table.csv")),
        *("--mqtt", f"127.0.0.1:{refusing_port()}"),
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000)),
    ) as stream:
        held = []
        for mark in (120.0, 240.0, 360.0, 480.0):
            _wait_for_t(stream, mark)
            held.append(stream.resident)
        stream.finish()
    windows = stream.total("windows")
    assert windows == len(stream.readings) > 5_900
    figure("MB held after 1,200, 2,400, 3,600, 4,800 readings", tuple(x / 1e6 for x in held))
    # Until the broker's buffer is full there is something to keep; then there is not.
    assert held[1] - held[0] < 4_000_000
    assert held[-1] - held[1] < 1_000_000
    assert stream.lost("mqtt") == windows
    assert len(stream.log) < 5_000


def _wait_for_t(stream: RunningStream, t: float) -> None:
    """Until its readings have got so far, in seconds of audio."""
    stream.wait_for(lambda: stream.readings and stream.readings[-1]["t"] > t, f"{t:g} s of audio")
