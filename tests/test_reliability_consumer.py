"""A receiver that stops receiving, or fails for ever: the stream goes on and counts its loss."""

from __future__ import annotations

import csv
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY
from running_stream import (
    COMMAND,
    END_SECONDS,
    PATIENCE_SECONDS,
    Figure,
    RunningStream,
    contiguous,
    speech_file,
)

from edge_ser.stream.outbox import CAPACITY

HOP = 0.05
HOP_SAMPLES = 800
FAST = ("--hop", str(HOP), "--window", "1", "--vad", "off", "--no-confidence")
"""Many readings a second, cheaply."""

MOST_GROWTH = 10_000_000
"""Bytes while nobody reads: a full queue, and what the allocator makes of it."""


def rows(path: Path) -> int:
    """Readings in a CSV file so far."""
    if not path.is_file():
        return 0
    with path.open(newline="") as file:
        return max(0, sum(1 for _ in csv.reader(file)) - 1)


def skipped_over(readings: list[dict[str, Any]]) -> int:
    """Readings missing between those that came."""
    ends = [reading["end_sample"] for reading in readings]
    return sum((later - earlier) // HOP_SAMPLES - 1 for earlier, later in pairwise(ends))


@pytest.mark.slow
def test_a_live_stream_goes_on_while_nobody_reads_its_output(
    tmp_path: Path, figure: Figure
) -> None:
    speech, table = speech_file(tmp_path / "speech.wav", 60.0), tmp_path / "readings.csv"
    with RunningStream("--file", str(speech), "--realtime", *FAST, "--csv", str(table)) as stream:
        stream.wait_for_readings(40)
        stream.stop_reading()
        resident = stream.resident
        # Well more than the queue and the pipe hold: at least 20 s at this hop.
        blocked_at = rows(table)
        stream.wait_for(lambda: rows(table) >= blocked_at + CAPACITY + 100, "a table that grows")
        growth = stream.resident - resident
        stream.read_again()
        stream.wait_for_readings(CAPACITY)
        stream.finish(120)
        windows, lost = stream.total("windows"), stream.lost("stdout")

    figure("windows, lost", (windows, lost))
    figure("growth in MB", growth / 1e6)
    assert growth < MOST_GROWTH
    assert rows(table) == windows >= 1_000
    assert stream.total("samples dropped") == stream.total("skipped") == 0
    assert lost > 0
    assert windows == len(stream.readings) + lost
    # The oldest gave way: one hole, and it is exactly what was counted.
    assert skipped_over(stream.readings) == lost
    assert sum(not contiguous(pair, HOP_SAMPLES) for pair in pairwise(stream.readings)) == 1


def test_a_file_waits_for_its_reader(tmp_path: Path) -> None:
    seconds = 60.0
    speech, table = speech_file(tmp_path / "speech.wav", seconds), tmp_path / "readings.csv"
    with RunningStream("--file", str(speech), *FAST, "--csv", str(table)) as stream:
        stream.stop_reading()
        stream.wait_for(lambda: rows(table) >= CAPACITY, "a full queue")
        stream.read_again()
        stream.finish()
        windows = stream.total("windows")
    assert windows == len(stream.readings) == rows(table) == round((seconds - 1) / HOP) + 1
    assert stream.lost("stdout") == 0
    assert contiguous(stream.readings, HOP_SAMPLES)


@pytest.mark.slow
def test_sigterm_while_nobody_reads(tmp_path: Path, figure: Figure) -> None:
    speech, table = speech_file(tmp_path / "speech.wav", 60.0), tmp_path / "readings.csv"
    with RunningStream("--file", str(speech), "--realtime", *FAST, "--csv", str(table)) as stream:
        stream.wait_for_readings(5)
        stream.stop_reading()
        full = rows(table) + 40
        stream.wait_for(lambda: rows(table) >= full, "a full pipe")
        took = stream.terminate()
        figure("seconds to end", took)
        assert took < END_SECONDS
        windows = stream.total("windows")
    assert windows == rows(table) == len(stream.readings) + stream.lost("stdout")


@pytest.mark.slow
def test_a_file_that_waits_for_its_reader_ends_on_sigterm(tmp_path: Path) -> None:
    speech, table = speech_file(tmp_path / "speech.wav", 120.0), tmp_path / "readings.csv"
    with RunningStream("--file", str(speech), *FAST, "--csv", str(table)) as stream:
        stream.stop_reading()
        stream.wait_for(lambda: rows(table) >= CAPACITY, "a full queue")
        assert stream.terminate() < END_SECONDS
        windows = stream.total("windows")
    assert windows == len(stream.readings) + stream.lost("stdout")


def test_a_reader_that_leaves_ends_the_stream_without_a_traceback(tmp_path: Path) -> None:
    """As `edge-ser stream ... | head -3`: nobody will read any more, so there is nothing to do."""
    speech, first = speech_file(tmp_path / "speech.wav", 60.0), tmp_path / "first"
    with first.open("wb") as kept:
        stream = subprocess.Popen(
            [*COMMAND, "--file", str(speech), "--realtime", *FAST, "--json"],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        head = subprocess.Popen(["head", "-3"], stdin=stream.stdout, stdout=kept)
        assert stream.stdout is not None and stream.stderr is not None
        stream.stdout.close()
        log = stream.stderr.read().decode()
        stream.stderr.close()
        assert head.wait(PATIENCE_SECONDS) == 0
        assert stream.wait(END_SECONDS) == 0
    assert len(first.read_text().splitlines()) == 3
    assert "Traceback" not in log
