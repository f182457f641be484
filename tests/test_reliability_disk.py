"""A disk that is full: readings go on, what could not be stored is counted and said once."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from running_stream import Figure, RunningStream, speech_file

RECORDING_LIMIT = 200_000
"""Bytes: three seconds of a recording."""

LINES_LIMIT = 4_000
"""Bytes: a few lines of a file."""


def limited(size: int) -> Callable[[], None]:
    """As a disk that fills up: no file of the process grows beyond so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def lines(path: Path) -> list[str]:
    """Of a text file, each whole."""
    text = path.read_text()
    assert text.endswith("\n")
    return text.splitlines()


@pytest.mark.slow
def test_files_on_a_full_disk_lose_their_lines_and_nothing_else(
    tmp_path: Path, figure: Figure
) -> None:
    speech = speech_file(tmp_path / "speech.wav", 60.0)
    objects, table = tmp_path / "readings.jsonl", tmp_path / "readings.csv"
    with RunningStream(
        *("--file", str(speech), "--realtime", "--vad", "off", "--hop", "0.1", "--window", "1"),
        *("--json-file", str(objects), "--csv", str(table), "--web", "127.0.0.1:0"),
        before=limited(LINES_LIMIT),
    ) as stream:
        stream.wait_for(lambda: stream.log.count("File too large") == 2, "two full files")
        stream.wait_for_readings(12)
        said = stream.health()
        stream.terminate()
    windows = stream.total("windows")
    assert windows == len(stream.readings)
    assert stream.lost("stdout") == stream.lost("web") == 0
    assert said["status"] == "degraded"
    assert sum("File too large" in reason for reason in said["reasons"]) == 2
    # Said once per file, not once per reading.
    assert stream.log.count("File too large") == 2
    # What is there is whole, and the rest is counted.
    stored = [json.loads(line) for line in lines(objects)]
    assert windows == len(stored) + stream.lost("json file")
    assert windows == len(lines(table)) - 1 + stream.lost("csv")
    assert stream.lost("csv") >= 12
    figure("windows, lost by JSON file, CSV", (windows, windows - len(stored), stream.lost("csv")))
    assert stored == stream.readings[: len(stored)]


@pytest.mark.slow
def test_a_recording_that_fills_the_disk_stops_and_the_stream_goes_on(
    tmp_path: Path, figure: Figure
) -> None:
    speech, recording = speech_file(tmp_path / "speech.wav", 30.0), tmp_path / "heard.wav"
    with RunningStream(
        *("--file", str(speech), "--realtime", "--vad", "off", "--record", str(recording)),
        before=limited(RECORDING_LIMIT),
    ) as stream:
        stream.wait_for(
            lambda: len(stream.readings) and stream.readings[-1]["t"] > 6.0, "readings beyond it"
        )
        stream.terminate()
    assert stream.total("windows") == len(stream.readings)
    assert "recording" in stream.log and str(recording) in stream.log
    assert recording.stat().st_size <= RECORDING_LIMIT
    heard, rate = soundfile.read(recording, dtype="float32")
    said, _ = soundfile.read(speech, dtype="float32")
    assert rate == 16_000
    assert len(heard) > 2 * 16_000
    assert np.array_equal(heard, said[: len(heard)])
    figure("seconds recorded, windows read", (len(heard) / rate, len(stream.readings)))


@pytest.mark.slow
def test_a_disk_that_has_room_again_gets_the_readings_again(tmp_path: Path) -> None:
    """A limit that is lifted while the process runs, as when somebody deletes files."""
    table = tmp_path / "readings.jsonl"
    speech = speech_file(tmp_path / "speech.wav", 60.0)
    with RunningStream(
        *("--file", str(speech), "--realtime", "--vad", "off", "--hop", "0.1", "--window", "1"),
        *("--json-file", str(table)),
        before=limited(LINES_LIMIT),
    ) as stream:
        stream.wait_for(lambda: "File too large" in stream.log, "a full disk")
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(stream.process.pid, resource.RLIMIT_FSIZE, unlimited)
        seen = len(stream.readings)
        stream.wait_for_readings(20)
        stream.terminate()
    stored = [json.loads(line) for line in lines(table)]
    assert stream.total("windows") == len(stored) + stream.lost("json file")
    assert 0 < stream.lost("json file") <= seen + 5
    assert "works again" in stream.log
    assert stored[-1]["end_sample"] == stream.readings[-1]["end_sample"]
