"""`edge-ser stream --web` as a process, asked over the network until it is stopped."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from web_fixtures import PATIENCE, TOKEN, Answered, token_file, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = pytest.mark.slow

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def stream(tmp_path: Path, repository: Path) -> Iterator[Any]:
    """A stream of a long file in real time, every window read; `port` is its page's."""
    audio = np.tile(synthetic_speech(), 60)
    soundfile.write(tmp_path / "talk.wav", audio, 16_000)
    command = [sys.executable, "-m", "edge_ser", "stream", "--file", str(tmp_path / "talk.wav")]
    command += ["--realtime", "--quiet", "--vad", "off", "--web", "127.0.0.1:0"]
    command += ["--web-token-file", str(token_file(tmp_path)), "--log-level", "debug"]
    with subprocess.Popen(command, cwd=repository, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield SimpleNamespace(process=process, port=_port(process))
        finally:
            process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    """From what the stream says on standard error."""
    assert process.stderr is not None
    for line in process.stderr:
        found = re.search(r"web page: http://127\.0\.0\.1:(\d+)/", line)
        if found:
            return int(found[1])
    raise AssertionError("the stream ended without naming its page")


def test_a_stream_can_be_watched_and_stopped(stream: Any) -> None:
    wait_until(lambda: _health(stream).get("state") == "speech", "a first reading")
    health = _health(stream)
    assert health["status"] == "ok"
    assert health["audio_seconds"] >= 1
    assert Answered(stream, "/health").status == 401
    metrics = Answered(stream, "/metrics", headers=BEARER).text
    assert re.search(r"^edge_ser_arousal 0\.\d+", metrics, re.MULTILINE)
    address = f"ws://127.0.0.1:{stream.port}/ws"
    with connect(address, proxy=None, additional_headers=BEARER) as client:
        seen: dict[str, Any] = {}
        while not {"hello", "reading", "meter"} <= seen.keys():
            message = json.loads(client.recv(timeout=PATIENCE))
            seen[message["type"]] = message
        assert seen["hello"]["info"]["model"]
        assert seen["reading"]["arousal"] == pytest.approx(0.5, abs=0.6)
        assert seen["meter"]["health"]["status"] == "ok"
        assert [one["sink"] for one in seen["meter"]["deliveries"]] == ["web"]
        stream.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                seen["last"] = json.loads(client.recv(timeout=PATIENCE))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert seen["last"]["type"] == "end"
    _, said = stream.process.communicate(timeout=PATIENCE)
    assert stream.process.returncode == 0
    assert TOKEN not in said
    with pytest.raises(ConnectionError):
        Answered(stream, "/health")


def _health(stream: Any) -> dict[str, Any]:
    return dict(Answered(stream, "/health", headers=BEARER).json)
