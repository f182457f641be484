"""The log: sentences for people, objects for machines, priorities for the journal."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from edge_ser.cli import main
from edge_ser.stream.options import LogOptions
from edge_ser.stream.service.logs import configure_logging

log = logging.getLogger("edge_ser.stream.test")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The logger as the other tests need it."""
    logger = logging.getLogger("edge_ser")
    kept = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = kept


@pytest.fixture
def output() -> io.StringIO:
    """In place of standard error."""
    return io.StringIO()


def test_people_get_sentences(output: io.StringIO) -> None:
    configure_logging(LogOptions(), output)
    log.info("audio from %s", "USB")
    log.debug("unseen")
    assert output.getvalue() == "edge-ser stream: audio from USB\n"


def test_machines_get_one_object_per_line(output: io.StringIO) -> None:
    configure_logging(LogOptions(format="json"), output)
    log.warning("%s failed:\ntwice", "mqtt", extra={"sink": "mqtt", "path": Path("/x")})
    (line,) = output.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning",
        "logger": "edge_ser.stream.test",
        "message": "mqtt failed:\ntwice",
        "sink": "mqtt",
        "path": "/x",
    }


def test_a_fatal_error_is_a_log_entry_with_its_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["stream", "--file", str(tmp_path / "none.wav")]
    assert main([*words, "--log-format", "json"]) == 2
    entry = json.loads(capsys.readouterr().err)
    assert (entry["level"], entry["exit_code"]) == ("error", 2)
    assert "none.wav" in entry["message"]


def test_people_get_a_hint_on_a_line_of_its_own(output: io.StringIO) -> None:
    configure_logging(LogOptions(), output)
    log.error("no such device", extra={"hint": "edge-ser stream --list-devices"})
    assert output.getvalue().splitlines() == [
        "edge-ser stream: no such device",
        "  hint: edge-ser stream --list-devices",
    ]


def test_the_time_is_rfc_3339_in_utc(output: io.StringIO) -> None:
    configure_logging(LogOptions(format="json"), output)
    before = datetime.now().astimezone().timestamp()
    log.info("now")
    moment = datetime.fromisoformat(json.loads(output.getvalue())["time"])
    assert moment.tzinfo is not None
    assert -0.001 <= moment.timestamp() - before < 60


def test_a_field_cannot_take_the_place_of_the_logs_own(output: io.StringIO) -> None:
    configure_logging(LogOptions(format="json"), output)
    log.info("truth", extra={"level": "forged", "time": 0})
    entry = json.loads(output.getvalue())
    assert entry["level"] == "info" and entry["time"] != 0


@pytest.mark.parametrize("format", ["text", "json"])
def test_an_exception_comes_with_its_traceback(output: io.StringIO, format: str) -> None:
    configure_logging(LogOptions(format=format), output)  # type: ignore[arg-type]
    try:
        raise ValueError("the cause")
    except ValueError:
        log.exception("it broke")
    text = output.getvalue()
    assert "ValueError: the cause" in text and "Traceback" in text
    if format == "json":
        assert "the cause" in json.loads(text)["exception"]


@pytest.mark.parametrize(
    ("level", "seen"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_least_severity(output: io.StringIO, level: str, seen: int) -> None:
    configure_logging(LogOptions(level=level), output)  # type: ignore[arg-type]
    for say in (log.debug, log.info, log.warning, log.error):
        say("word")
    assert len(output.getvalue().splitlines()) == seen


def test_a_second_choice_replaces_the_first(output: io.StringIO) -> None:
    configure_logging(LogOptions(), io.StringIO())
    configure_logging(LogOptions(format="json"), output)
    log.info("once")
    assert len(output.getvalue().splitlines()) == 1


def test_handlers_of_the_root_logger_do_not_repeat_it(output: io.StringIO) -> None:
    configure_logging(LogOptions(), output)
    root, other = logging.getLogger(), logging.StreamHandler(output)
    root.addHandler(other)
    try:
        log.warning("once")
    finally:
        root.removeHandler(other)
    assert output.getvalue() == "edge-ser stream: once\n"


def test_names_from_outside_cannot_move_the_cursor_or_forge_lines(output: io.StringIO) -> None:
    configure_logging(LogOptions(), output)
    log.warning("broker %s", "x\x1b[2J\nedge-ser stream: all is well")
    assert output.getvalue() == "edge-ser stream: broker x\\x1b[2J\\nedge-ser stream: all is well\n"


def test_an_ordinary_standard_error_gets_no_priorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")  # inherited, but this file is not that socket
    with (tmp_path / "log").open("w+") as file:
        configure_logging(LogOptions(), file)
        log.warning("word")
        file.seek(0)
        assert file.read() == "edge-ser stream: word\n"


def test_the_journal_gets_priorities_on_every_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w+") as file:
        status = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        configure_logging(LogOptions(level="debug"), file)
        for say in (log.debug, log.info, log.warning, log.error, log.critical):
            say("word")
        try:
            raise ValueError("cause")
        except ValueError:
            log.exception("it broke")
        file.seek(0)
        lines = file.read().splitlines()
    assert [line[:3] for line in lines[:5]] == ["<7>", "<6>", "<4>", "<3>", "<3>"]
    assert len(lines) > 7
    assert all(line.startswith("<3>") for line in lines[5:])


def test_a_reader_that_went_away_stops_nothing() -> None:
    """The log's pipe is closed; the program that writes into it goes on."""
    program = (
        "import logging, os\n"
        "from edge_ser.stream.options import LogOptions\n"
        "from edge_ser.stream.service.logs import configure_logging\n"
        "configure_logging(LogOptions())\n"
        "logging.getLogger('edge_ser.x').warning('word ' * 100)\n"
        "os.write(1, b'went on')\n"
    )
    read, write = os.pipe()
    os.close(read)
    try:
        answer = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=write
        )
    finally:
        os.close(write)
    assert answer.stdout == b"went on"
