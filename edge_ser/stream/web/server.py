"""One HTTP and WebSocket server on a thread of its own, with the library `websockets`.

It answers GET and HEAD on a fixed set of paths and speaks, never listens, on `/ws`. Its sockets
come from `listening.py`. Non-goals: TLS, keep-alive, compression, files from disk: a reverse proxy
adds what is missing (docs/WEB.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from edge_ser.errors import EnvironmentMissing
from edge_ser.stream.web.answers import Answer, PageFiles, sentence
from edge_ser.stream.web.audience import Audience
from edge_ser.stream.web.bounded_connection import bounded_connection
from edge_ser.stream.web.gate import Gate
from edge_ser.stream.web.metrics import Traffic

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

SOCKET_PATH = "/ws"

MOST_CONNECTIONS = 64
"""Open at once, of any kind."""

OPENING_SECONDS = 10.0
"""A request must be there by then, and its answer taken."""

CLOSING_SECONDS = 1.0
FAREWELL_SECONDS = 0.5
STOPPING_SECONDS = 1.5

_LARGEST_MESSAGE = 1024
"""Bytes from a client, which has nothing to say."""

_METHODS = ("GET", "HEAD")

# Its debug records hold request lines, and those hold the token: they are never made.
_quiet_log = logging.getLogger(f"{__name__}.connections")
_quiet_log.setLevel(logging.WARNING)


class WebServer:
    """Answers and publishes until it is stopped.

    Args:
        gate: who is let in.
        page: the page's files.
        data: path -> what it gives at the moment, e.g. "/health".
        greeting: makes the first message of a WebSocket client.
        traffic: counts go here.

    Raises:
        EnvironmentMissing: websockets is not installed.

    Attributes:
        trouble: why nobody is answered any more; "" while it works.
    """

    def __init__(
        self,
        gate: Gate,
        page: PageFiles,
        data: Mapping[str, Callable[[], Answer]],
        greeting: Callable[[], str],
        traffic: Traffic,
    ) -> None:
        _need_websockets()
        self._sockets: Sequence[socket.socket] = ()
        self._farewell = ""
        self.trouble = ""
        self._gate = gate
        self._page = page
        self._data = data
        self._traffic = traffic
        self._audience = Audience(greeting, traffic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="web server", daemon=True)

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to answer on listening sockets, which are taken over; returns when it does.

        Raises:
            OSError: the system refuses after all.
        """
        self._sockets = sockets
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def publish(self, message: str) -> None:
        """Send a reading or an event to everyone; never waits, from any thread."""
        self._call(self._audience.publish, message)

    def publish_meter(self, message: str) -> None:
        """Send a state to everyone, in place of an older one; never waits, from any thread."""
        self._call(self._audience.publish_meter, message)

    def stop(self, farewell: str) -> None:
        """Send a last message, close all connections and the port; takes a few seconds at most."""
        self._farewell = farewell
        if self._stopping is not None:
            self._call(self._stopping.set)
            self._thread.join(FAREWELL_SECONDS + STOPPING_SECONDS + CLOSING_SECONDS)

    def _call(self, function: Callable[..., object], *arguments: Any) -> None:
        # RuntimeError: the loop is closed, so nobody is there to be told.
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.is_set():
                self.trouble = f"the web server has failed: {error}"
                _quiet_log.error(self.trouble)
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with contextlib.AsyncExitStack() as stack:
            servers = [await self._listen(one) for one in self._sockets]
            stack.push_async_callback(_close, servers)
            self._ready.set()
            await self._stopping.wait()
            await self._audience.farewell(self._farewell, FAREWELL_SECONDS)

    async def _listen(self, one: socket.socket) -> Any:
        from websockets.asyncio.server import serve

        return await serve(
            self._audience.serve,
            sock=one,
            process_request=self._process,
            compression=None,
            server_header=None,
            open_timeout=OPENING_SECONDS,
            close_timeout=CLOSING_SECONDS,
            max_size=_LARGEST_MESSAGE,
            max_queue=1,
            logger=_quiet_log,
            create_connection=bounded_connection(MOST_CONNECTIONS),
        )

    def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        """An HTTP answer, or None to go on with a WebSocket."""
        answer = self._answer(request)
        return None if answer is None else _response(answer, request.method == "HEAD")

    def _answer(self, request: Request) -> Answer | None:
        headers, path = request.headers, request.path.partition("?")[0]
        if request.method not in _METHODS:
            allow = (("Allow", ", ".join(_METHODS)),)
            return sentence(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD", allow)
        foreign = self._gate.foreign(headers)
        if foreign:
            self._traffic.refused += 1
            return sentence(HTTPStatus.FORBIDDEN, foreign)
        if path in self._page.assets:
            return self._page.assets[path]
        if path == "/" and self._gate.token_in_link(request.path):
            return self._welcome(headers, Answer(HTTPStatus.SEE_OTHER, b"", extra=_TO_THE_PAGE))
        if not self._gate.known(headers):
            self._traffic.refused += 1
            return self._page.key if path == "/" else _NO_TOKEN
        if path == "/":
            shown = self._gate.shows_token(headers)
            return self._welcome(headers, self._page.index) if shown else self._page.index
        if path == SOCKET_PATH:
            return None if _wants_websocket(headers) else _NO_WEBSOCKET
        made = self._data.get(path)
        return _NOT_FOUND if made is None else made()

    def _welcome(self, headers: Any, answer: Answer) -> Answer:
        """The answer with a cookie, for a browser that has just shown the token."""
        return Answer(
            answer.status,
            answer.body,
            answer.content_type,
            extra=(*answer.extra, ("Set-Cookie", self._gate.cookie(headers))),
        )


_TO_THE_PAGE = (("Location", "./"),)
_NOT_FOUND = sentence(HTTPStatus.NOT_FOUND, "there is nothing here")
_NO_TOKEN = sentence(
    HTTPStatus.UNAUTHORIZED,
    "this needs the token: Authorization: Bearer TOKEN",
    (("WWW-Authenticate", "Bearer"),),
)
_NO_WEBSOCKET = sentence(
    HTTPStatus.UPGRADE_REQUIRED,
    "a WebSocket is served here",
    (("Upgrade", "websocket"),),
)


def _need_websockets() -> None:
    try:
        import websockets.asyncio.server  # noqa: F401
    except ImportError as error:
        raise EnvironmentMissing(
            f"the web page needs websockets: {error}", "pip install 'edge-ser[outputs]'"
        ) from error


def _wants_websocket(headers: Any) -> bool:
    return any(value.strip().lower() == "websocket" for value in headers.get_all("Upgrade"))


def _response(answer: Answer, head: bool) -> Response:
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    status = HTTPStatus(answer.status)
    body = b"" if head else answer.body
    return Response(status.value, status.phrase, Headers(answer.headers()), body)


async def _close(servers: Sequence[Any]) -> None:
    for server in servers:
        server.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOPPING_SECONDS):
            await asyncio.gather(*(server.wait_closed() for server in servers))
