"""What systemd is told, through a real datagram socket in systemd's place."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from conftest import synthetic_speech

from edge_ser.stream.reading import Delivery, Meter
from edge_ser.stream.service.status import sentence
from edge_ser.stream.service.watchdog import STATUS_SECONDS, Watchdog


class Manager:
    """systemd's end of the line.

    Args:
        address: of the socket: a path, or a name after a zero byte.
    """

    def __init__(self, address: str | bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)
        shown = address if isinstance(address, str) else "@" + address[1:].decode()
        self.environment = {"NOTIFY_SOCKET": shown}

    def heard(self) -> list[str]:
        """The messages since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """Listens at a path, or at an abstract address."""
    abstract = request.param == "abstract"
    manager = Manager(
        b"\0edge-ser-" + uuid.uuid4().hex.encode() if abstract else str(tmp_path / "notify")
    )
    yield manager
    manager.socket.close()


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_service_without_watchdog_says_when_it_begins_and_ends(manager: Manager) -> None:
    watchdog = Watchdog(manager.environment)
    watchdog.ready()
    watchdog.alive()
    watchdog.stopping()
    assert manager.heard() == ["READY=1", "STOPPING=1"]
    assert watchdog.interval is None


def test_signs_of_life_come_in_time_and_not_more_often(manager: Manager) -> None:
    clock = Clock()
    watchdog = Watchdog({**manager.environment, "WATCHDOG_USEC": "30000000"}, clock)
    assert watchdog.interval is not None and watchdog.interval <= 15
    watchdog.ready()
    assert manager.heard() == ["READY=1", "WATCHDOG=1"]
    silent_since, longest = clock.now, 0.0
    for _ in range(6000):
        clock.now += 0.02
        watchdog.alive()
        if manager.heard():
            longest, silent_since = max(longest, clock.now - silent_since), clock.now
    assert 0 < longest <= 15  # half of the time, as sd_watchdog_enabled(3) asks
    assert longest > 5


def test_a_loop_that_hangs_says_nothing(manager: Manager) -> None:
    clock = Clock()
    watchdog = Watchdog({**manager.environment, "WATCHDOG_USEC": "1000000"}, clock)
    watchdog.alive()
    manager.heard()
    clock.now += 3600
    assert manager.heard() == []


def test_the_watchdog_of_another_process_is_not_ours(manager: Manager) -> None:
    environment = {**manager.environment, "WATCHDOG_USEC": "1000000"}
    Watchdog({**environment, "WATCHDOG_PID": str(os.getppid())}).alive()
    assert manager.heard() == []
    Watchdog({**environment, "WATCHDOG_PID": str(os.getpid())}).alive()
    assert manager.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize("value", ["", "0", "-5", "soon", "1e6", "²"])
def test_a_strange_time_is_no_watchdog(manager: Manager, value: str) -> None:
    assert Watchdog({**manager.environment, "WATCHDOG_USEC": value}).interval is None


def test_a_status_is_one_line_and_rare(manager: Manager) -> None:
    clock = Clock()
    watchdog = Watchdog(manager.environment, clock)
    watchdog.status("listening\nREADY=1")
    watchdog.status("too soon")
    clock.now += STATUS_SECONDS
    watchdog.status("again")
    clock.now += STATUS_SECONDS
    watchdog.status("again")
    assert manager.heard() == ["STATUS=listening READY=1", "STATUS=again"]


@pytest.mark.parametrize("name", ["", "relative", "vsock:2:1234", "/no/such/socket", "@nobody"])
def test_without_systemd_nothing_happens(name: str, caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"})
    for _ in range(3):
        watchdog.ready()
        watchdog.status("word")
        watchdog.stopping()
    assert len(caplog.records) == (name[:1] in ("/", "@") and name != "")


METER = Meter(
    seconds=7200.0,
    uptime=7260.0,
    connected=True,
    level_dbfs=-30.0,
    peak_dbfs=-20.0,
    speech=None,
    clipped=0,
    dropped=0,
    overflows=0,
    reconnects=0,
    gaps=0,
    invalid=0,
    skipped=0,
    recording=False,
)


def test_the_status_says_what_is_not_as_it_should_be() -> None:
    assert sentence(METER) == "listening; 2.0 h of audio in 2.0 h"
    mqtt = Delivery("mqtt", 5, 2, 1, 0, "refused")
    troubled = replace(METER, connected=False, dropped=3, reconnects=1, deliveries=(mqtt,))
    assert sentence(troubled) == (
        "no audio arrives; 2.0 h of audio in 2.0 h; 3 samples dropped; 1 reconnects; "
        "mqtt fails: refused"
    )
    assert sentence(replace(METER, recording=True)).startswith("recording")


def test_the_program_tells_systemd_of_its_life(tmp_path: Path) -> None:
    """All of it, from a file at its own pace: begun, alive, how it fares, the end."""
    manager = Manager(str(tmp_path / "notify"))
    speech = tmp_path / "speech.wav"
    soundfile.write(speech, synthetic_speech(3.0), 16_000)
    environment = {**os.environ, **manager.environment, "WATCHDOG_USEC": "2000000"}
    command = [sys.executable, "-m", "edge_ser", "stream", "--file", str(speech), "--realtime"]
    answer = subprocess.run([*command, "--quiet"], env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    heard = manager.heard()
    manager.socket.close()
    assert heard[0] == "READY=1" and heard[-1] == "STOPPING=1"
    assert heard.count("WATCHDOG=1") >= 3  # every half second of three
    assert [line for line in heard if line.startswith("STATUS=listening; 0.0 h of audio")]


def test_a_full_queue_does_not_hold_up_the_stream(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    watchdog = Watchdog(manager.environment)
    for _ in range(5000):  # more than any queue of the kernel's holds
        watchdog.ready()
    assert manager.heard()
    manager.socket.close()
