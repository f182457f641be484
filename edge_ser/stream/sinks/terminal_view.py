"""The live view as lines of styled text: pure layout, no terminal needed.

Wide terminals get a history beside each bar, narrow ones lose it, then everything but one
line. Non-goal: drawing; `terminal.py` does that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_ser import DIMENSIONS
from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo, lost
from edge_ser.stream.sinks.bars import bar, sparkline
from edge_ser.stream.sinks.terminal_line import Line, Segment, fitted, plain, spread
from edge_ser.stream.sinks.terminal_status import level_line, losses_line, news_line, sinks_line

WIDEST = 96
NARROWEST = 46
HISTORY = 64
HEIGHT = 11
"""Lines of the full view."""


@dataclass
class ViewState:
    """What the view shows.

    Attributes:
        notes: the log's latest words, oldest first; whoever owns them adds to them.
    """

    info: StreamInfo
    reading: Reading | None = None
    meter: Meter | None = None
    history: deque[Reading] = field(default_factory=lambda: deque(maxlen=HISTORY))
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=1))
    notes: Sequence[str] = ()

    def add(self, reading: Reading) -> None:
        """Make `reading` the current one."""
        self.reading = reading
        self.history.append(reading)


def render(state: ViewState, columns: int, rows: int, unicode: bool) -> list[Line]:
    """The view for a terminal of that size; no line is longer than `columns`.

    Args:
        unicode: whether block characters can be shown; plain ASCII otherwise.
    """
    if columns < NARROWEST or rows <= HEIGHT:
        return [fitted(_one_line(state), max(columns - 1, 1))]
    # Two columns stay free for the "^C" that a terminal echoes behind the last line.
    width = min(columns - 3, WIDEST)
    room, _ = _bar_and_history(width, unicode)
    return [
        spread(_title(state, unicode), _clock(state, unicode), width),
        fitted([("  " + _about(state.info, unicode), "dim")], width),
        [],
        *(_dimension(state, name, width, unicode) for name in DIMENSIONS),
        [],
        fitted(level_line(state.meter, room, unicode), width),
        fitted(sinks_line(state.meter, unicode), width),
        fitted(news_line(state.events, state.notes, unicode), width),
        spread(
            losses_line(state.info, state.meter, state.reading, unicode),
            [("Ctrl-C stops", "dim")],
            width,
        ),
    ]


def _one_line(state: ViewState) -> Line:
    reading = state.reading
    if reading is None:
        return [(_age(state) + " listening", "dim")]
    values: Line = [(_age(state), "dim")]
    if reading.state != "speech":
        return [*values, ("  " + reading.state, "dim")]
    for name in DIMENSIONS:
        values += [(f"  {name[0].upper()} ", name), (f"{getattr(reading, name):.2f}", "")]
    return [*values, ("  " + ", ".join(lost(reading)), "warning")]


def _title(state: ViewState, unicode: bool) -> Line:
    return [("  edge-ser", "bold"), ("  " + plain(state.info.source, unicode), "")]


def _clock(state: ViewState, unicode: bool) -> Line:
    return [_mark(state, "●" if unicode else "*"), (_age(state), "bold")]


def _mark(state: ViewState, dot: str) -> Segment:
    meter, reading = state.meter, state.reading
    if meter is not None and not meter.connected:
        return (f"{dot} no audio ", "alarm")
    if meter is not None and meter.recording:
        return (f"{dot} recording ", "alarm")
    if reading is not None and reading.state != "speech":
        return (f"{dot} {reading.state} ", "dim")
    return (f"{dot} live ", "live")


def _age(state: ViewState) -> str:
    seconds = int(state.meter.seconds) if state.meter else 0
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def _about(info: StreamInfo, unicode: bool) -> str:
    between = " · " if unicode else ", "
    model = f"{info.model} on {info.engine} {info.engine_version}".rstrip()
    return f"{model}{between}the last {info.window_seconds:g} s, every {info.hop_seconds:g} s"


def _dimension(state: ViewState, name: str, width: int, unicode: bool) -> Line:
    reading = state.reading
    value = None if reading is None else getattr(reading, name)
    shown = " …  " if unicode else " .. "
    label: Line = [(f"  {name:<9} ", name), (shown if value is None else f"{value:.2f}", "bold")]
    label.append((_confidence(reading, name), "dim"))
    room, history = _bar_and_history(width, unicode)
    style = "dim" if reading is None or reading.partial else name
    line = [*label, *_track(0.0 if value is None else value, room, style, unicode)]
    if history:
        line += [("  " + sparkline(_values(state.history, name), history), name)]
    return line


def _confidence(reading: Reading | None, name: str) -> str:
    """Five characters: how sure the value is, in per cent, where that is known."""
    value = None if reading is None else getattr(reading, f"{name}_confidence")
    return "     " if value is None else f" {round(100 * value):2}% "[:5]


def _values(history: deque[Reading], name: str) -> list[float]:
    """Of the readings that have values."""
    values = (getattr(past, name) for past in history)
    return [float(value) for value in values if value is not None]


def _bar_and_history(width: int, unicode: bool) -> tuple[int, int]:
    """Characters of a bar and of the history beside it, which only a wide view has."""
    room = width - 21
    history = room // 3 if unicode and room >= 46 else 0
    return room - (history + 2 if history else 0), history


def _track(value: float, width: int, style: str, unicode: bool) -> Line:
    """A bar on its track, with a mark in the middle where neutral speech sits."""
    filled = bar(value, width, unicode)
    rest = ["·" if unicode else "."] * width
    rest[width // 2] = "┊" if unicode else "|"
    return [(filled, style), ("".join(rest[len(filled) :]), "dim")]
