"""A web page that serves on a free port, and plausible things to show on it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from stream_fixtures import INFO, sample_reading
from websockets.sync.client import ClientConnection, connect

from edge_ser.stream.options import WebOptions
from edge_ser.stream.reading import Delivery, Event, Meter, Reading, StreamInfo, Summary
from edge_ser.stream.web.page_sink import WebPage

TOKEN = "correct-horse-battery"
RULE = "arousal > 0.65 for 3s"
SCHEMA = 2
PATIENCE = 30.0
"""Seconds that a test waits for something that must happen."""

SUMMARY = Summary(
    seconds=60.0,
    windows=118,
    partial=8,
    speech=100,
    uncertain=4,
    skipped=0,
    clipped=0,
    dropped=0,
    overflows=0,
    reconnects=0,
    gaps=0,
    invalid=0,
    median_ms=2.0,
    slowest_ms=9.0,
)


def web_info(**changes: Any) -> StreamInfo:
    """What runs, with a detector and a rule."""
    return replace(INFO, **{"detector": "silero", "rules": (RULE,), **changes})


def web_reading(number: int, **changes: Any) -> Reading:
    """The reading at `1 + number / 2` seconds, with values that move slowly."""
    t = 1 + number / 2
    values: dict[str, Any] = {
        "t": t,
        "end_sample": round(16_000 * t),
        "arousal": 0.5 + 0.2 * ((number % 40) / 40),
        "dominance": 0.45,
        "valence": 0.6 - 0.2 * ((number % 30) / 30),
        "arousal_confidence": 0.81,
        "dominance_confidence": 0.74,
        "valence_confidence": 0.52,
        "speech_share": 0.9,
        **changes,
    }
    if values.get("state", "speech") != "speech":
        values.update(arousal=None, dominance=None, valence=None)
    return sample_reading(**values)


def web_meter(seconds: float = 60.0, **changes: Any) -> Meter:
    """The stream after so much audio, one output of which has trouble."""
    values: dict[str, Any] = {
        "seconds": seconds,
        "uptime": seconds + 0.3,
        "connected": True,
        "level_dbfs": -24.0,
        "peak_dbfs": -9.5,
        "speech": 0.87,
        "clipped": 0,
        "dropped": 0,
        "overflows": 0,
        "reconnects": 0,
        "gaps": 0,
        "invalid": 0,
        "skipped": 0,
        "recording": False,
        "deliveries": (
            Delivery("stdout", sent=118, lost=0, failures=0, waiting=0, essential=True),
            Delivery("mqtt", sent=100, lost=18, failures=3, waiting=7),
        ),
        **changes,
    }
    return Meter(**values)


def web_event(active: bool, t: float = 30.0) -> Event:
    """A rule that began to hold, or ceased to."""
    held = 0.0 if active else 4.5
    return Event(RULE, RULE, active, 1_800_000_000 + t, t, 0.68, held)


def token_file(folder: Path) -> Path:
    """A private file with a token."""
    path = folder / "edge-ser.token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


@contextmanager
def served(listen: str = "127.0.0.1:0", **options: Any) -> Iterator[WebPage]:
    """A page that runs."""
    page = WebPage(WebOptions(listen=listen, **options))
    page.start(web_info())
    try:
        yield page
    finally:
        page.finish(SUMMARY)


class Answered:
    """One HTTP exchange over a connection of its own; the body has been read."""

    def __init__(
        self, page: WebPage, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host=headers is not None and "Host" in headers)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            self.status = response.status
            self.headers = response.headers
            self.body = response.read()
        finally:
            connection.close()

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body's object."""
        return json.loads(self.body)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Until it holds; fails after a long time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.01)


def socket_of(page: WebPage, path: str = "/ws", **options: Any) -> ClientConnection:
    """A WebSocket client that never goes through a proxy."""
    return connect(
        f"ws://127.0.0.1:{page.port}{path}", proxy=None, open_timeout=PATIENCE, **options
    )


def next_message(client: ClientConnection, type_: str) -> dict[str, Any]:
    """The next message of that type."""
    while True:
        message = json.loads(client.recv(timeout=PATIENCE))
        assert message["schema"] == SCHEMA
        if message["type"] == type_:
            return dict(message)
