"""Readings as a table: one row per window, one column per field; unknown values are empty.

Non-goal: events, which have other fields; JSON lines hold both.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Reading, StreamInfo, Summary
from edge_ser.stream.sinks.appended_file import LIMIT_BYTES, AppendedFile
from edge_ser.stream.sinks.json_lines import reading_fields

COLUMNS = (
    "schema",
    *(field.name for field in dataclasses.fields(Reading)),
    *("engine", "engine_version", "artefact", "model"),
)
HEADER = ",".join(COLUMNS)
"""A file with another first line is not continued."""

_DECIMALS = 6


class CsvFile(Sink):
    """Appends one row per reading.

    Args:
        path: is continued if it exists.
        limit: bytes after which a new file is begun, see `AppendedFile`.

    Raises:
        InputError: the file cannot be written, or has other columns.
    """

    name = "csv"

    def __init__(self, path: Path, limit: int = LIMIT_BYTES) -> None:
        self._file = AppendedFile(path, header=HEADER, limit=limit)
        self._info: StreamInfo | None = None

    def start(self, info: StreamInfo) -> None:
        """Remember what is the same on every row."""
        self._info = info

    def reading(self, reading: Reading) -> None:
        """Write one row."""
        assert self._info is not None
        fields = reading_fields(reading, self._info)
        self._file.write(_row(_cell(fields[column]) for column in COLUMNS))

    def finish(self, summary: Summary) -> None:
        """Close the file."""
        self._file.close()


def _row(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return repr(round(value, _DECIMALS)) if isinstance(value, float) else str(value)
