"""Readings as JSON, one object per line; the schema is documented in docs/STREAMING.md.

Every line stands on its own: it names the engine and the model, and counts what was lost.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TextIO

from edge_ser.stream.reading import Meter, Reading, StreamInfo, Summary

SCHEMA_VERSION = 1
"""Raised when a field is removed or changes its meaning; fields may be added without."""


class JsonLines:
    """A `Sink` that writes and flushes one line per reading."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._constant: dict[str, object] = {}

    def start(self, info: StreamInfo) -> None:
        """Remember what is the same on every line."""
        self._constant = {
            "engine": info.engine,
            "engine_version": info.engine_version,
            "artefact": info.artefact,
            "model": info.model,
        }

    def meter(self, meter: Meter) -> None:
        """Levels between readings are for people only."""

    def reading(self, reading: Reading) -> None:
        """Write one line."""
        line = {"schema": SCHEMA_VERSION, **asdict(reading), **self._constant}
        self._output.write(json.dumps(line, allow_nan=False) + "\n")
        self._output.flush()

    def finish(self, summary: Summary) -> None:
        """The totals are on the last line already."""
