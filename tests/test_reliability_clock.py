"""The wall clock is set while the stream runs: only `time` follows; nothing is measured by it."""

from __future__ import annotations

import contextlib
import os
import socket
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from running_stream import Figure, RunningStream, WallClock, contiguous, speech_file

DAY = 86_400
HOP = 0.25


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """The system's, until it is set."""
    return WallClock(tmp_path)


class Systemd:
    """The other end of sd_notify, which expects a sign of life every second."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"}

    def signs_of_life(self) -> int:
        """Since it was asked last."""
        signs = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                signs += b"WATCHDOG=1" in self._socket.recv(4_096)
        return signs

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def moment(reading: dict[str, Any]) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(reading["time"]).timestamp()


def jumps(readings: list[dict[str, Any]]) -> list[float]:
    """Steps of `time` that the audio between two readings does not explain, in whole days."""
    steps = (
        moment(later) - moment(earlier) - (later["t"] - earlier["t"])
        for earlier, later in pairwise(readings)
    )
    return [round(step / DAY) for step in steps if abs(step) > DAY / 2]


@pytest.mark.slow
def test_a_clock_that_jumps_moves_the_time_and_nothing_else(
    clock: WallClock, tmp_path: Path
) -> None:
    speech = speech_file(tmp_path / "speech.wav", 120.0)
    systemd = Systemd(tmp_path / "notify")
    with RunningStream(
        *("--file", str(speech), "--realtime", "--vad", "off", "--hop", str(HOP)),
        *("--on", "arousal > -1 for 2s", "--smooth", "1s", "--baseline", "10s"),
        *("--web", "127.0.0.1:0", "--csv", str(tmp_path / "readings.csv")),
        environment={**os.environ, **clock.environment, **systemd.environment},
    ) as stream:
        stream.wait_for_readings(16)
        assert stream.health()["status"] == "ok"
        for days in (1, 0, -1, 0):
            clock.set(days * DAY)
            systemd.signs_of_life()
            stream.wait_for_readings(8)
            assert systemd.signs_of_life() >= 2
            # Ages and the uptime come from a clock that does not jump.
            said = stream.health()
            assert said["status"] == "ok", said
            assert said["uptime_seconds"] < 300
        before = len(stream.readings)
        stream.wait_for_readings(8)
        stream.terminate()
    systemd.close()
    readings = stream.readings
    assert len(readings) > before
    assert jumps(readings) == [1, -1, -1, 1]
    # Positions, and all that is counted in audio.
    assert contiguous(readings, round(HOP * 16_000))
    assert [reading["t"] for reading in readings] == [
        reading["end_sample"] / 16_000 for reading in readings
    ]
    assert stream.total("skipped") == stream.total("samples dropped") == 0
    # The rule holds from its second second on, to the end of the stream, and counts audio.
    begun, ended = stream.events
    assert begun["active"] and not ended["active"]
    assert begun["t"] < 5.0
    assert abs(ended["held_seconds"] - (readings[-1]["t"] - begun["t"])) < 0.01
    # A real-time file keeps its pace: as much audio as the steady clock allows, no more.
    assert all(reading["inference_ms"] < 60_000 for reading in readings)
    # Learned in seconds of speech: neither at once nor never.
    learned = next(reading["t"] for reading in readings if reading["arousal_change"] is not None)
    assert 9.0 <= learned <= 13.0


@pytest.mark.slow
def test_a_clock_that_is_wrong_from_the_start_does_not_matter(
    clock: WallClock, tmp_path: Path, figure: Figure
) -> None:
    """A Pi without a battery-backed clock begins in 1970 and learns the time from the network."""
    clock.set(-int(datetime.now().timestamp()) + 3_600)
    speech = speech_file(tmp_path / "speech.wav", 30.0)
    with RunningStream(
        *("--file", str(speech), "--realtime", "--vad", "off", "--hop", str(HOP)),
        environment={**os.environ, **clock.environment},
    ) as stream:
        stream.wait_for_readings(4)
        clock.set(0)
        stream.wait_for_readings(4)
        stream.terminate()
    assert stream.readings[0]["time"].startswith("1970-01-01T01:")
    assert abs(moment(stream.readings[-1]) - datetime.now().timestamp()) < 600
    figure(
        "years that the time jumped, windows read",
        (
            round((moment(stream.readings[-1]) - moment(stream.readings[0])) / 31_557_600),
            len(stream.readings),
        ),
    )
    assert contiguous(stream.readings, round(HOP * 16_000))
