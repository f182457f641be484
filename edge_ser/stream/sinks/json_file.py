"""Readings and events as JSON lines in a file; the schema is that of standard output."""

from __future__ import annotations

from pathlib import Path

from edge_ser.stream.reading import Summary
from edge_ser.stream.sinks.appended_file import LIMIT_BYTES, AppendedFile
from edge_ser.stream.sinks.json_lines import JsonLines


class JsonFile(JsonLines):
    """Appends one line per reading or event.

    Args:
        path: is continued if it exists.
        limit: bytes after which a new file is begun, see `AppendedFile`.

    Raises:
        InputError: the file cannot be written.
    """

    name = "json file"
    essential = False

    def __init__(self, path: Path, limit: int = LIMIT_BYTES) -> None:
        self._file = AppendedFile(path, limit=limit)
        super().__init__(self._file)

    def finish(self, summary: Summary) -> None:
        """Close the file."""
        self._file.close()
