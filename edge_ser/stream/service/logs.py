"""The log of a stream on standard error: sentences for people, or JSON objects for machines.

Standard library only. Under systemd each line of text begins with its priority, which the
journal takes off and files it under (`journalctl -p warning`).
Non-goals: log files and their rotation (the journal's work), and the readings, which are no log.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any, TextIO

from edge_ser.stream.moments import rfc3339
from edge_ser.stream.options import LogOptions

ROOT = "edge_ser"
"""The logger that all others of the program lie below, e.g. `edge_ser.stream.session`."""

_PREFIX = "edge-ser stream: "
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""From which level on a line has which of syslog's severities; below the last it is 7, debug."""

_RESERVED = frozenset({"time", "level", "message", "logger", "exception"})
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure_logging(options: LogOptions, output: TextIO | None = None) -> None:
    """Send the program's log to standard error, as the user wants it.

    May be called again: the new choice takes the place of the old one.

    Args:
        options: format and least severity.
        output: in place of `sys.stderr`.
    """
    stream = sys.stderr if output is None else output
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter() if options.format == "json" else TextFormatter(_to_journal(stream))
    )
    logger = logging.getLogger(ROOT)
    logger.handlers[:] = [handler]
    logger.setLevel(options.level.upper())
    # Handlers that a library gave to the root logger would say everything twice.
    logger.propagate = False


class TextFormatter(logging.Formatter):
    """`edge-ser stream: sentence`, one line each; a record's `hint` gets a line of its own.

    Args:
        priorities: whether "<4>" and the like go first, as sd-daemon(3) has it.
    """

    def __init__(self, priorities: bool = False) -> None:
        super().__init__()
        self._priorities = priorities

    def format(self, record: logging.LogRecord) -> str:
        """The record's message and, below it, its traceback and hint."""
        priority = f"<{_priority(record.levelno)}>" if self._priorities else ""
        lines = [_PREFIX + _one_line(record.getMessage()), *_traceback(self, record).splitlines()]
        hint = getattr(record, "hint", "")
        if hint:
            lines.append("  hint: " + _one_line(hint))
        return "\n".join(priority + line for line in lines)


class JsonFormatter(logging.Formatter):
    """One object per line: `time` (RFC 3339, UTC), `level`, `logger`, `message`, what else the
    program has to say of it (`sink`, `device` ...), and `exception` if there was one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, ASCII, without line ends."""
        entry: dict[str, Any] = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            private = name.startswith("_")  # libraries add such to every record of the process
            if not private and name not in _OF_EVERY_RECORD and name not in _RESERVED:
                entry[name] = value
        traceback = _traceback(self, record)
        if traceback:
            entry["exception"] = traceback
        return json.dumps(entry, default=str)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def _one_line(text: str) -> str:
    """What a device or a broker calls itself must not move the cursor or forge a line."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _priority(level: int) -> int:
    return next((severity for least, severity in _PRIORITIES if level >= least), 7)


def _to_journal(stream: TextIO) -> bool:
    """Whether the stream ends in the journal: systemd names its socket in the environment."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file behind it
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
