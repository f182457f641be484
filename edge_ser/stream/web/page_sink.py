"""The web page as a sink: `/`, `/ws`, `/health` and `/metrics`.

Everything that can be wrong with the options shows when it is made, before any audio: a bad
address, a missing token, a port in use, a missing package.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from edge_ser.stream.access import read_secret, split_address
from edge_ser.stream.options import WebOptions
from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo, Summary
from edge_ser.stream.web.answers import Answer, json_answer, load_page
from edge_ser.stream.web.gate import Gate
from edge_ser.stream.web.health import health_fields
from edge_ser.stream.web.listening import bind, links
from edge_ser.stream.web.live_state import LiveState
from edge_ser.stream.web.messages import (
    end_message,
    event_message,
    hello,
    meter_message,
    reading_message,
)
from edge_ser.stream.web.metrics import CONTENT_TYPE, MetricsText, Traffic
from edge_ser.stream.web.server import WebServer

_log = logging.getLogger(__name__)


class WebPage(Sink):
    """Shows the stream in browsers and to monitors.

    Args:
        options: where to listen and who may come.

    Raises:
        InputError: the address, the token's file or an origin cannot be used.
        EnvironmentMissing: websockets or prometheus-client is not installed.

    Attributes:
        port: that it listens on, also when the options left the choice to the system.
    """

    name = "web"

    def __init__(self, options: WebOptions) -> None:
        host, port = split_address(options.listen)
        token = None if options.token_file is None else read_secret(options.token_file)
        self._state = LiveState()
        self._info: StreamInfo | None = None
        self._ended = False
        self._host = host
        self._token_file = options.token_file
        self._traffic = Traffic()
        self._metrics = MetricsText(self._state.snapshot, self._traffic)
        self._server = WebServer(
            Gate(host, token, options.origins),
            load_page(),
            {"/health": self._health_answer, "/metrics": self._metrics_answer},
            lambda: hello(self._state),
            self._traffic,
        )
        self._sockets = bind(host, port, token, "--web")
        self.port = int(self._sockets[0].getsockname()[1])

    @property
    def links(self) -> list[str]:
        """Where a browser finds it; none holds the token."""
        return links(self._host, self.port)

    def start(self, info: StreamInfo) -> None:
        """Begin to listen and say where."""
        self._info = info
        self._state.start(info)
        self._server.start(self._sockets)
        ask = f", asks for the token in {self._token_file}" if self._token_file else ""
        _log.info("web page: %s%s", " or ".join(self.links), ask)

    def meter(self, meter: Meter) -> None:
        """Send the state to those who watch."""
        self.trouble = self._server.trouble
        self._state.meter(meter)
        if self._traffic.clients:
            self._server.publish_meter(meter_message(meter, self._state.snapshot()))

    def reading(self, reading: Reading) -> None:
        """Send the values to those who watch."""
        assert self._info is not None
        self._state.reading(reading)
        if self._traffic.clients:
            self._server.publish(reading_message(reading, self._info))

    def event(self, event: Event) -> None:
        """Send it to those who watch."""
        self._state.event(event)
        if self._traffic.clients:
            self._server.publish(event_message(event))

    def finish(self, summary: Summary) -> None:
        """Say goodbye and close the port."""
        self._ended = True
        self._server.stop(end_message(summary))
        for one in self._sockets:
            one.close()

    def _health_answer(self) -> Answer:
        fields = health_fields(self._state.snapshot(), self._ended)
        failing = fields["status"] == "failing"
        return json_answer(HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK, fields)

    def _metrics_answer(self) -> Answer:
        return Answer(HTTPStatus.OK, self._metrics(), CONTENT_TYPE)
