"""Draws the live view in place on a terminal, with ANSI codes; colours unless NO_COLOR is set."""

from __future__ import annotations

import os
from collections.abc import Sequence

from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo, Summary
from edge_ser.stream.sinks.json_lines import Lines
from edge_ser.stream.sinks.terminal_line import Line
from edge_ser.stream.sinks.terminal_view import ViewState, render

_STYLES = {
    "bold": "1",
    "dim": "2",
    "arousal": "38;5;209",
    "dominance": "38;5;75",
    "valence": "38;5;114",
    "level": "38;5;245",
    "live": "38;5;114",
    "warning": "38;5;221",
    "alarm": "1;38;5;203",
}
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_CLEAR_LINE, _CLEAR_SCREEN = "\x1b[K", "\x1b[2J\x1b[H"


class Terminal(Sink):
    """For people who watch.

    Args:
        output: a terminal.
        notes: the latest words of the log, which would spoil the view beside it.
        size: fixed (columns, rows) for tests; None asks the terminal at each drawing.
        colour: whether to use colours; None decides by NO_COLOR and TERM.
    """

    name = "stdout"
    essential = True

    def __init__(
        self,
        output: Lines,
        size: tuple[int, int] | None = None,
        colour: bool | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self._output = output
        self._notes = notes
        self._fixed = size
        self._colour = _wants_colour() if colour is None else colour
        self._unicode = _can_encode(output)
        self._state: ViewState | None = None
        self._drawn = 0
        self._columns = 0

    def start(self, info: StreamInfo) -> None:
        """Take a place on the screen."""
        self._state = ViewState(info, notes=self._notes)
        self._output.write(_HIDE_CURSOR)
        self._draw()

    def meter(self, meter: Meter) -> None:
        """Show the level."""
        if self._state is not None:
            self._state.meter = meter
            self._draw()

    def reading(self, reading: Reading) -> None:
        """Show the values."""
        if self._state is not None:
            self._state.add(reading)
            self._draw()

    def event(self, event: Event) -> None:
        """Show what a rule says."""
        if self._state is not None:
            self._state.events.append(event)
            self._draw()

    def finish(self, summary: Summary) -> None:
        """Leave the last view on the screen and give the cursor back below it."""
        self._output.write(_SHOW_CURSOR + "\n")
        self._output.flush()

    def _size(self) -> tuple[int, int]:
        if self._fixed is not None:
            return self._fixed
        try:
            size = os.get_terminal_size()
        except OSError:
            return (80, 24)
        return (size.columns, size.lines)

    def _draw(self) -> None:
        if self._state is None:
            return
        columns, rows = self._size()
        lines = render(self._state, columns, rows, self._unicode)
        text = "\n".join(self._styled(line) + _CLEAR_LINE for line in lines)
        self._output.write(_NO_WRAP + self._home(columns, len(lines)) + text + _WRAP)
        self._output.flush()
        self._drawn, self._columns = len(lines), columns

    def _home(self, columns: int, lines: int) -> str:
        """Back to the first line of the last drawing; a new screen if it no longer fits there."""
        if not self._drawn:
            return ""
        if columns != self._columns or lines != self._drawn:
            # The terminal has re-wrapped what was drawn: its place is not known any more.
            return _CLEAR_SCREEN
        return "\r" + (f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else "")

    def _styled(self, line: Line) -> str:
        if not self._colour:
            return "".join(text for text, _ in line)
        return "".join(
            f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if style else text for text, style in line
        )


def _wants_colour() -> bool:
    """https://no-color.org, and terminals that cannot."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _can_encode(output: Lines) -> bool:
    try:
        "█▏▁●┊│·…".encode(getattr(output, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
