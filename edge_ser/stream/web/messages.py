"""What goes through the WebSocket: JSON objects, each with `schema` and `type` (docs/WEB.md).

`reading` and `event` are the objects of the JSON lines, so that one program can read both. A
client first gets `hello`: what runs, and the traces so far in columns, which are a tenth of the
size of as many readings.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo, Summary
from edge_ser.stream.sinks.json_lines import SCHEMA_VERSION, event_fields, reading_fields
from edge_ser.stream.web.health import judge
from edge_ser.stream.web.live_state import LiveState, Snapshot

_VALUE_DIGITS = 4


def hello(state: LiveState) -> str:
    """Everything that a page needs to begin with."""
    snapshot = state.snapshot()
    readings, events = state.history()
    info = snapshot.info
    return _text(
        "hello",
        info=None if info is None else asdict(info),
        history=columns(readings),
        events=[event_fields(event) for event in events],
        reading=_newest(snapshot),
        meter=None if snapshot.meter is None else meter_fields(snapshot.meter, snapshot),
    )


def columns(readings: list[Reading]) -> dict[str, list[Any]]:
    """The traces: t, state, the three values and their confidences, one entry per reading."""
    names = [*DIMENSIONS, *(f"{name}_confidence" for name in DIMENSIONS)]
    return {
        "t": [round(reading.t, 3) for reading in readings],
        "state": [reading.state for reading in readings],
        "gaps": [reading.gaps for reading in readings],
        **{name: [_short(getattr(reading, name)) for reading in readings] for name in names},
    }


def reading_message(reading: Reading, info: StreamInfo) -> str:
    """A window, with the fields of the JSON lines."""
    return json.dumps(reading_fields(reading, info), allow_nan=False)


def event_message(event: Event) -> str:
    """A rule began or ceased to hold, with the fields of the JSON lines."""
    return json.dumps(event_fields(event), allow_nan=False)


def meter_message(meter: Meter, snapshot: Snapshot) -> str:
    """The state between readings, and the server's judgement of it."""
    return _text("meter", **meter_fields(meter, snapshot))


def meter_fields(meter: Meter, snapshot: Snapshot) -> dict[str, Any]:
    """Fields of `Meter`, and `health`."""
    health = judge(snapshot)
    return {
        **asdict(meter),
        "health": {"status": health.status, "reasons": list(health.reasons)},
    }


def missed_message(count: int) -> str:
    """So many messages did not reach this client, because it was too slow."""
    return _text("missed", count=count)


def end_message(summary: Summary) -> str:
    """The stream is over."""
    return _text("end", **asdict(summary), sentence=summary.sentence())


def _newest(snapshot: Snapshot) -> dict[str, Any] | None:
    if snapshot.reading is None or snapshot.info is None:
        return None
    return reading_fields(snapshot.reading, snapshot.info)


def _short(value: float | None) -> float | None:
    return None if value is None else round(float(value), _VALUE_DIGITS)


def _text(type_: str, **fields: Any) -> str:
    return json.dumps({"schema": SCHEMA_VERSION, "type": type_, **fields}, allow_nan=False)
