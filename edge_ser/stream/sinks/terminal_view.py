"""The live view as lines of styled text: pure layout, no terminal needed.

Wide terminals get a history beside each bar, narrow ones lose it, then everything but one
line. Non-goal: drawing; `terminal.py` does that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from edge_ser import DIMENSIONS
from edge_ser.stream.capture.level import FLOOR_DBFS
from edge_ser.stream.reading import Meter, Reading, StreamInfo, lost
from edge_ser.stream.sinks.bars import bar, meter_position, sparkline

Segment = tuple[str, str]
"""(text, style name); style "" is plain."""

Line = list[Segment]

WIDEST = 96
NARROWEST = 46
HISTORY = 64
HEIGHT = 9
"""Lines of the full view."""

LOUD_DBFS = -3.0
"""Peaks above this are shown as a warning: the microphone is close to clipping."""


@dataclass
class ViewState:
    """What the view shows."""

    info: StreamInfo
    reading: Reading | None = None
    meter: Meter | None = None
    history: deque[Reading] = field(default_factory=lambda: deque(maxlen=HISTORY))

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
        return [_fitted(_one_line(state), max(columns - 1, 1))]
    # Two columns stay free for the "^C" that a terminal echoes behind the last line.
    width = min(columns - 3, WIDEST)
    return [
        _spread(_title(state, unicode), _clock(state, unicode), width),
        _fitted([("  " + _about(state.info, unicode), "dim")], width),
        [],
        *(_dimension(state, name, width, unicode) for name in DIMENSIONS),
        [],
        _fitted(_level(state, width, unicode), width),
        _spread(_losses(state, unicode), [("Ctrl-C stops", "dim")], width),
    ]


def _one_line(state: ViewState) -> Line:
    reading = state.reading
    if reading is None:
        return [(_age(state) + " listening", "dim")]
    values: Line = [(_age(state), "dim")]
    for name in DIMENSIONS:
        values += [(f"  {name[0].upper()} ", name), (f"{getattr(reading, name):.2f}", "")]
    return [*values, ("  " + ", ".join(lost(reading)), "warning")]


def _title(state: ViewState, unicode: bool) -> Line:
    return [("  edge-ser", "bold"), ("  " + _plain(state.info.source, unicode), "")]


def _clock(state: ViewState, unicode: bool) -> Line:
    dot = "●" if unicode else "*"
    recording = state.meter is not None and state.meter.recording
    mark: Segment = (f"{dot} recording ", "alarm") if recording else (f"{dot} live ", "live")
    return [mark, (_age(state), "bold")]


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
    value = None if reading is None else float(getattr(reading, name))
    shown = " …  " if unicode else " .. "
    label: Line = [(f"  {name:<9} ", name), (shown if value is None else f"{value:.2f}", "bold")]
    room, history = _bar_and_history(width, unicode)
    style = "dim" if reading is None or reading.partial else name
    line = [*label, ("  ", ""), *_track(0.0 if value is None else value, room, style, unicode)]
    if history:
        values = [float(getattr(past, name)) for past in state.history]
        line += [("  " + sparkline(values, history), name)]
    return line


def _bar_and_history(width: int, unicode: bool) -> tuple[int, int]:
    """Characters of a bar and of the history beside it, which only a wide view has."""
    room = width - 18
    history = room // 3 if unicode and room >= 46 else 0
    return room - (history + 2 if history else 0), history


def _track(value: float, width: int, style: str, unicode: bool) -> Line:
    """A bar on its track, with a mark in the middle where neutral speech sits."""
    filled = bar(value, width, unicode)
    rest = ["·" if unicode else "."] * width
    rest[width // 2] = "┊" if unicode else "|"
    return [(filled, style), ("".join(rest[len(filled) :]), "dim")]


def _level(state: ViewState, width: int, unicode: bool) -> Line:
    meter = state.meter
    if meter is None:
        return [("  level dB  waiting for the first samples", "dim")]
    if meter.peak_dbfs <= FLOOR_DBFS:
        return [
            ("  level dB  ", ""),
            ("digital silence: is the microphone muted, or its use not permitted?", "warning"),
        ]
    room, _ = _bar_and_history(width, unicode)
    style = "warning" if meter.peak_dbfs > LOUD_DBFS else "level"
    filled = bar(meter_position(meter.level_dbfs), room, unicode)
    track = ["·" if unicode else "."] * room
    track[min(int(meter_position(meter.peak_dbfs) * room), room - 1)] = "│" if unicode else "|"
    return [
        ("  level dB  ", ""),
        (f"{meter.level_dbfs:4.0f}", "bold"),
        ("  ", ""),
        (filled, style),
        ("".join(track[len(filled) :]), "dim"),
    ]


def _losses(state: ViewState, unicode: bool) -> Line:
    """What was lost so far, or how young the window still is."""
    meter, between = state.meter, " · " if unicode else ", "
    losses = [] if meter is None else lost(meter)
    if losses:
        return [("  " + between.join(losses), "warning")]
    if meter is not None and meter.seconds < state.info.window_seconds:
        return [(f"  warming up, {meter.seconds:.1f} of {state.info.window_seconds:g} s", "dim")]
    speed = "" if state.reading is None else f"{between}{state.reading.inference_ms:.0f} ms each"
    return [(f"  nothing lost{speed}", "dim")]


def _plain(text: str, unicode: bool) -> str:
    """Without control characters, which a device name could smuggle into the terminal."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable if unicode else printable.encode("ascii", "replace").decode()


def length(line: Line) -> int:
    """Characters of a line."""
    return sum(len(text) for text, _ in line)


def _fitted(line: Line, width: int) -> Line:
    """At most `width` characters of a line."""
    fitted: Line = []
    for text, style in line:
        fitted.append((text[: width - length(fitted)], style))
    return fitted


def _spread(left: Line, right: Line, width: int) -> Line:
    """One at the left edge, one at the right; the left one gives way."""
    left = _fitted(left, width - length(right) - 2)
    return [*left, (" " * (width - length(left) - length(right)), ""), *right]
