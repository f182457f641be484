"""Files and Open Sound Control."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import resource
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from osc_receiver import received
from stream_fixtures import INFO, sample_reading

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.actions.exec import INHERITED, environment
from edge_ser.stream.meaning.rule_grammar import QUANTITIES, parse_rule
from edge_ser.stream.options import MqttOptions
from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event, Summary
from edge_ser.stream.sinks.appended_file import AppendedFile
from edge_ser.stream.sinks.csv_file import COLUMNS, CsvFile
from edge_ser.stream.sinks.home_assistant import Topics
from edge_ser.stream.sinks.json_file import JsonFile
from edge_ser.stream.sinks.osc import PREFIX, Osc, event_message, reading_messages

EVENT = Event("arousal > 0.65 for 3s", "excited", True, 1_800_000_000.25, 12.5, 0.71, 0.0)
SUMMARY = Summary(5.0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6.0, 6.0)
SILENCE: dict[str, Any] = {
    "state": "no speech",
    "speech_share": 0.05,
    **dict.fromkeys(("arousal", "dominance", "valence")),
}


def used(sink: Sink, *readings: Any) -> None:
    """A sink's life."""
    sink.start(INFO)
    for reading in readings:
        sink.reading(reading)
    sink.finish(SUMMARY)


# --- CSV ---


def test_a_csv_file_has_one_row_per_reading(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    used(CsvFile(path), sample_reading(speech_share=0.8), sample_reading(t=5.5, **SILENCE))
    rows = list(csv.DictReader(path.open(newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["schema"] == "2"
    assert rows[0]["time"] == "2027-01-15T08:00:00.250Z"
    assert rows[0]["arousal"] == "0.62"
    assert rows[0]["partial"] == "0"
    assert rows[0]["model"] == "wav2small"
    assert (rows[1]["t"], rows[1]["state"], rows[1]["arousal"]) == ("5.5", "no speech", "")
    assert rows[1]["speech_share"] == "0.05"


def test_a_csv_file_is_continued_with_one_header(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    for _ in range(3):
        used(CsvFile(path), sample_reading())
    lines = path.read_text().splitlines()
    assert len(lines) == 4
    assert lines[0] == ",".join(COLUMNS)


@pytest.mark.parametrize(
    "content", ["t,arousal\n1,0.5\n", ",".join(COLUMNS) + ",more\n", "\x00\xff"]
)
def test_a_file_with_other_columns_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(content)
    with pytest.raises(InputError, match="does not begin as this version's files do"):
        CsvFile(path)
    assert path.read_text() == content


def test_a_row_is_on_the_disk_before_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    sink = CsvFile(path)
    sink.start(INFO)
    sink.reading(sample_reading())
    assert len(path.read_text().splitlines()) == 2
    sink.finish(SUMMARY)


# --- JSON lines ---


def test_a_json_file_has_the_schema_of_standard_output(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    sink = JsonFile(path)
    sink.start(INFO)
    sink.reading(sample_reading())
    sink.event(EVENT)
    sink.finish(SUMMARY)
    reading, event = (json.loads(line) for line in path.read_text().splitlines())
    assert (reading["type"], reading["arousal"], reading["model"]) == ("reading", 0.62, "wav2small")
    assert (event["type"], event["name"], event["active"]) == ("event", "excited", True)
    assert not sink.essential


# --- what both have in common ---


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    used(JsonFile(tmp_path / "a"), sample_reading())
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), os.mkfifo, lambda path: path.symlink_to("/dev/null")]
)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a")
    with pytest.raises(InputError):
        JsonFile(tmp_path / "a")


def test_a_missing_folder_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory") as refused:
        CsvFile(tmp_path / "missing" / "a.csv")
    assert "folder" in refused.value.hint


def test_two_streams_do_not_write_into_one_file(tmp_path: Path) -> None:
    first = AppendedFile(tmp_path / "a")
    with pytest.raises(InputError, match="another program is writing"):
        AppendedFile(tmp_path / "a")
    first.close()
    AppendedFile(tmp_path / "a").close()


@pytest.mark.parametrize("torn", ["he", "head\nline 1\nlin", ""])
def test_a_file_that_was_torn_by_a_power_cut_is_mended(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "a"
    path.write_text(torn)
    file = AppendedFile(path, header="head")
    file.write("line 2\n")
    file.close()
    lines = path.read_text().splitlines()
    assert lines[0] == "head"
    assert lines[-1] == "line 2"
    assert len(lines) == (4 if "lin" in torn else 2)


def test_a_full_file_becomes_the_older_one_and_disk_use_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a"
    file = AppendedFile(path, header="head", limit=100)
    path.chmod(0o640)
    for number in range(100):
        file.write(f"line {number}\n")
        assert sum(found.stat().st_size for found in tmp_path.iterdir()) <= 200
    file.close()
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a", "a.1"]
    assert all(found.read_text().startswith("head\n") for found in tmp_path.iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    older = (tmp_path / "a.1").read_text().splitlines()[1:]
    newer = path.read_text().splitlines()[1:]
    numbers = [int(line.removeprefix("line ")) for line in older + newer]
    assert numbers == list(range(numbers[0], 100))


def test_a_line_longer_than_the_limit_is_still_written(tmp_path: Path) -> None:
    file = AppendedFile(tmp_path / "a", limit=10)
    file.write("x" * 50 + "\n")
    file.close()
    assert (tmp_path / "a").read_text() == "x" * 50 + "\n"


def test_a_file_that_was_moved_away_or_deleted_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a"
    file = AppendedFile(path, header="head")
    file.write("line 1\n")
    path.rename(tmp_path / "moved")
    file.write("line 2\n")
    path.unlink()
    file.write("line 3\n")
    file.close()
    assert (tmp_path / "moved").read_text() == "head\nline 1\n"
    assert path.read_text() == "head\nline 3\n"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system refuses to let files grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_that_does_not_fit_leaves_nothing_and_the_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a"
    file = AppendedFile(path, header="head")
    file.write("line 1\n")
    with largest_file(20), pytest.raises(OSError) as failed:
        file.write("a long line 2\n")
    assert failed.value.errno == errno.EFBIG
    assert path.read_text() == "head\nline 1\n"
    file.write("line 3\n")
    file.close()
    assert path.read_text() == "head\nline 1\nline 3\n"


def test_a_full_disk_while_a_new_file_begins_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    file = AppendedFile(path, header="head", limit=20)
    file.write("line 1\n")
    real, full = os.write, OSError(errno.ENOSPC, "No space left on device")

    def no_space(descriptor: int, data: bytes) -> int:
        real(descriptor, data[:2])
        raise full

    monkeypatch.setattr(os, "write", no_space)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            file.write("a long line 2\n")
    monkeypatch.setattr(os, "write", real)
    file.write("line 3\n")
    file.close()
    assert (tmp_path / "a.1").read_text() == "head\nline 1\n"
    assert path.read_text() == "head\nline 3\n"


# --- Open Sound Control ---


@pytest.fixture(params=["127.0.0.1", "::1"])
def receiver(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A UDP socket on a free port."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as bound:
        bound.bind((request.param, 0))
        bound.settimeout(10)
        yield bound


def address_of(receiver: socket.socket) -> str:
    """As a user writes it."""
    host, port = receiver.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def test_a_reading_is_one_bundle_with_its_time(receiver: socket.socket) -> None:
    sink = Osc(address_of(receiver))
    sink.start(INFO)
    sink.reading(sample_reading(arousal_confidence=0.9, valence_change=-0.25, speech_share=0.75))
    time, contents = received(receiver)
    assert time == pytest.approx(1_800_000_000.25, abs=1e-3)
    assert contents == {
        f"{PREFIX}/state": ["speech"],
        f"{PREFIX}/t": [5.0],
        f"{PREFIX}/arousal": [pytest.approx(0.62)],
        f"{PREFIX}/dominance": [pytest.approx(0.55)],
        f"{PREFIX}/valence": [pytest.approx(0.41)],
        f"{PREFIX}/confidence/arousal": [pytest.approx(0.9)],
        f"{PREFIX}/change/valence": [-0.25],
        f"{PREFIX}/speech": [0.75],
        f"{PREFIX}/level": [pytest.approx(-23.4)],
    }
    sink.reading(sample_reading(**SILENCE))
    _, contents = received(receiver)
    assert contents[f"{PREFIX}/state"] == ["no speech"]
    assert f"{PREFIX}/arousal" not in contents
    sink.finish(SUMMARY)


def test_an_event_is_a_bundle_too(receiver: socket.socket) -> None:
    sink = Osc(address_of(receiver))
    sink.event(EVENT)
    assert received(receiver)[1] == {f"{PREFIX}/event": ["excited", 1, 0.0, pytest.approx(0.71)]}
    sink.event(Event("r", "r", False, 0.0, 9.0, None, 4.0))
    assert received(receiver)[1] == {f"{PREFIX}/event": ["r", 0, 4.0]}
    sink.finish(SUMMARY)


def test_nobody_there_is_no_failure() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        address = address_of(bound)
    used(Osc(address), *[sample_reading()] * 20)


def test_a_host_without_an_address_fails_and_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.getaddrinfo
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(10)
        sink = Osc(f"studio.example:{bound.getsockname()[1]}")

        def unknown(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(OSError, match="not known"):
            sink.reading(sample_reading())
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda _, port, **kinds: real("127.0.0.1", port, **kinds)
        )
        sink.reading(sample_reading())
        assert f"{PREFIX}/arousal" in received(bound)[1]
        sink.finish(SUMMARY)


@pytest.mark.parametrize(
    "address", ["", "9000", "host:", "host:0", "host:99999", "::1:9000", "a b:1"]
)
def test_an_unusable_address_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        Osc(address)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythonosc", None)
    with pytest.raises(EnvironmentMissing) as missing:
        Osc("127.0.0.1:9000")
    assert "edge-ser[outputs]" in missing.value.hint


# --- the documentation ---


def test_what_is_sent_is_documented(repository: Path) -> None:
    page = (repository / "docs" / "OUTPUTS.md").read_text()
    reading = sample_reading(arousal_confidence=0.9, arousal_change=0.1, speech_share=0.5)
    for address, _ in [*reading_messages(reading), event_message(EVENT)]:
        assert f"`{PREFIX}/{address}`" in page
    topics = Topics("edge-ser")
    for topic in (topics.status, topics.reading, topics.event, topics.state, topics.health):
        assert f"`{topic}`" in page
    for option in fields(MqttOptions):
        assert f"`{option.name}`" in page


def test_every_documented_rule_is_understood_and_every_variable_named(repository: Path) -> None:
    page = (repository / "docs" / "EVENTS.md").read_text()
    rules = re.findall(r'--on "([^"]+)"', page)
    (examples,) = re.findall(r"^Examples: (.*?)\n\n", page, re.DOTALL | re.MULTILINE)
    rules += re.findall(r"`([^`]+)`", examples.replace("\n", " "))
    assert len(rules) >= 8
    for rule in rules:
        assert parse_rule(rule).comparisons
    for name in {*QUANTITIES, *INHERITED, *environment(EVENT)}:
        assert name in page
