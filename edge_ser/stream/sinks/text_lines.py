"""Readings as plain lines for a pipe, a log file or a file's analysis."""

from __future__ import annotations

from edge_ser import DIMENSIONS
from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event, Reading, lost
from edge_ser.stream.sinks.json_lines import Lines

_VALUES_WIDTH = len("arousal 0.000  dominance 0.000  valence 0.000")


def text_line(reading: Reading) -> str:
    """One reading for people; what was lost is named only when something was."""
    line = f"{reading.t:8.1f} s  {_values(reading):<{_VALUES_WIDTH}}"
    line += f"  level {reading.level_dbfs:6.1f} dB"
    return "  ".join([line, *_marks(reading), *lost(reading)])


def event_line(event: Event) -> str:
    """One event for people."""
    what = "begins" if event.active else f"ends after {event.held_seconds:.1f} s"
    return f"{event.t:8.1f} s  * {event.name}: {what}"


def _values(reading: Reading) -> str:
    if reading.state != "speech":
        return reading.state
    return "  ".join(f"{name} {getattr(reading, name):.3f}" for name in DIMENSIONS)


def _marks(reading: Reading) -> list[str]:
    confidence = [getattr(reading, f"{name}_confidence") for name in DIMENSIONS]
    marks = ["partial"] if reading.partial else []
    if None not in confidence:
        marks.append("confidence " + " ".join(f"{value:.2f}" for value in confidence))
    return marks


class TextLines(Sink):
    """Writes and flushes one line per reading or event.

    Args:
        output: receives the text.
    """

    name = "stdout"
    essential = True

    def __init__(self, output: Lines) -> None:
        self._output = output

    def reading(self, reading: Reading) -> None:
        """Write one line."""
        self._write(text_line(reading))

    def event(self, event: Event) -> None:
        """Write one line."""
        self._write(event_line(event))

    def _write(self, line: str) -> None:
        self._output.write(line + "\n")
        self._output.flush()
