"""Readings and events as JSON, one object per line; the schema is documented in docs/STREAMING.md.

Every line stands on its own: it names the engine and the model, and counts what was lost.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Protocol

from edge_ser.stream.moments import rfc3339
from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event, Reading, StreamInfo

SCHEMA_VERSION = 2
"""Raised when a field is removed or changes its meaning; fields may be added without."""


class Lines(Protocol):
    """Where text goes; `write` does not keep anything back."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


def reading_fields(reading: Reading, info: StreamInfo) -> dict[str, Any]:
    """The object of one reading."""
    return {
        "schema": SCHEMA_VERSION,
        "type": "reading",
        **asdict(reading),
        "time": rfc3339(reading.time),
        "engine": info.engine,
        "engine_version": info.engine_version,
        "artefact": info.artefact,
        "model": info.model,
    }


def event_fields(event: Event) -> dict[str, Any]:
    """The object of one event."""
    return {
        "schema": SCHEMA_VERSION,
        "type": "event",
        **asdict(event),
        "time": rfc3339(event.time),
    }


class JsonLines(Sink):
    """Writes and flushes one line per reading or event.

    Args:
        output: receives the text.
    """

    name = "stdout"
    essential = True

    def __init__(self, output: Lines) -> None:
        self._output = output
        self._info: StreamInfo | None = None

    def start(self, info: StreamInfo) -> None:
        """Remember what is the same on every line."""
        self._info = info

    def reading(self, reading: Reading) -> None:
        """Write one line."""
        assert self._info is not None
        self._write(reading_fields(reading, self._info))

    def event(self, event: Event) -> None:
        """Write one line."""
        self._write(event_fields(event))

    def _write(self, fields: dict[str, Any]) -> None:
        self._output.write(json.dumps(fields, allow_nan=False) + "\n")
        self._output.flush()
