"""Readings as plain lines for a pipe, a log file or a file's analysis."""

from __future__ import annotations

from typing import TextIO

from edge_ser.stream.reading import Meter, Reading, StreamInfo, Summary, lost


def text_line(reading: Reading) -> str:
    """One reading for people; what was lost is named only when something was."""
    line = (
        f"{reading.t:8.1f} s  arousal {reading.arousal:.3f}  dominance {reading.dominance:.3f}  "
        f"valence {reading.valence:.3f}  level {reading.level_dbfs:6.1f} dB"
    )
    marks = ["partial"] if reading.partial else []
    return "  ".join([line, *marks, *lost(reading)])


class TextLines:
    """A `Sink` that writes and flushes one line per reading."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def start(self, info: StreamInfo) -> None:
        """The engine is announced on standard error, see `run.py`."""

    def meter(self, meter: Meter) -> None:
        """A log has no level meter."""

    def reading(self, reading: Reading) -> None:
        """Write one line."""
        self._output.write(text_line(reading) + "\n")
        self._output.flush()

    def finish(self, summary: Summary) -> None:
        """The summary goes to standard error, see `run.py`."""
