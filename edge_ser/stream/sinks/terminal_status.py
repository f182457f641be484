"""The lower half of the live view: level and voice, sinks, news, and what was lost."""

from __future__ import annotations

from collections.abc import Sequence

from edge_ser.stream.capture.level import FLOOR_DBFS
from edge_ser.stream.meaning.track import SPEECH
from edge_ser.stream.reading import Delivery, Event, Meter, Reading, StreamInfo, lost
from edge_ser.stream.sinks.bars import bar, meter_position
from edge_ser.stream.sinks.terminal_line import Line, plain

LOUD_DBFS = -3.0
"""Peaks above this are shown as a warning: the microphone is close to clipping."""


def level_line(meter: Meter | None, room: int, unicode: bool) -> Line:
    """Level and peak on a scale of `room` characters, and whether a voice is heard."""
    if meter is None:
        return [("  level dB  waiting for the first samples", "dim")]
    if not meter.connected:
        return [("  no audio arrives; waiting for the source to come back", "warning")]
    if meter.peak_dbfs <= FLOOR_DBFS:
        return [
            ("  level dB  ", ""),
            ("digital silence: is the microphone muted, or its use not permitted?", "warning"),
        ]
    style = "warning" if meter.peak_dbfs > LOUD_DBFS else "level"
    filled = bar(meter_position(meter.level_dbfs), room, unicode)
    track = ["·" if unicode else "."] * room
    track[min(int(meter_position(meter.peak_dbfs) * room), room - 1)] = "│" if unicode else "|"
    return [
        ("  level dB  ", ""),
        (f"{meter.level_dbfs:4.0f}", "bold"),
        ("     ", ""),
        (filled, style),
        ("".join(track[len(filled) :]), "dim"),
        *_voice(meter),
    ]


def _voice(meter: Meter) -> Line:
    if meter.speech is None:
        return []
    return [("  voice", "live")] if meter.speech >= SPEECH else [("  -----", "dim")]


def sinks_line(meter: Meter | None, unicode: bool) -> Line:
    """Every sink but the screen: what it took, what it lost, what ails it."""
    others = [] if meter is None else [d for d in meter.deliveries if d.sink != "stdout"]
    if not others:
        return []
    line: Line = [("  to        ", "")]
    for delivery in others:
        line += [("  ", ""), (_delivery(delivery, unicode), "warning" if delivery.error else "dim")]
    return line


def _delivery(delivery: Delivery, unicode: bool) -> str:
    words = f"{delivery.sink} {delivery.sent}"
    if delivery.lost:
        words += f", lost {delivery.lost}"
    return words + (f" ({plain(delivery.error, unicode)})" if delivery.error else "")


def news_line(events: Sequence[Event], notes: Sequence[str], unicode: bool) -> Line:
    """The latest note of the log, or else the latest event."""
    if notes:
        return [("  " + plain(notes[-1], unicode), "warning")]
    if events:
        event = events[-1]
        what = "begins" if event.active else f"ended after {event.held_seconds:.0f} s"
        return [(f"  {plain(event.name, unicode)}: {what}", "bold" if event.active else "dim")]
    return []


def losses_line(
    info: StreamInfo, meter: Meter | None, reading: Reading | None, unicode: bool
) -> Line:
    """What was lost so far, or how young the window still is."""
    between = " · " if unicode else ", "
    losses = [] if meter is None else lost(meter)
    if losses:
        return [("  " + between.join(losses), "warning")]
    if meter is not None and meter.seconds < info.window_seconds:
        return [(f"  warming up, {meter.seconds:.1f} of {info.window_seconds:g} s", "dim")]
    speed = "" if reading is None else f"{between}{reading.inference_ms:.1f} ms each"
    return [(f"  nothing lost{speed}", "dim")]
