"""A phone, a browser or another box as the microphone: PCM over a WebSocket.

A sender connects, says in one JSON message what it sends, e.g. `{"rate": 48000, "channels": 1,
"format": "s16le"}`, gets `{"ready": true}`, and from then on sends binary messages of samples,
cut as it likes. The token comes in an `Authorization: Bearer` header or, from a browser, which
cannot set one, as "token" in the first message. One sender at a time; a refusal is a JSON message
with "error", then the end. Whoever opens the same address in a browser gets a page that does all
of this with the browser's microphone. Non-goals: TLS (a reverse proxy's work), sending audio.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.access import (
    bearer_token,
    check_binding,
    host_allowed,
    join_address,
    origin_allowed,
    split_address,
    token_matches,
)
from edge_ser.stream.capture.fed_source import FedSource
from edge_ser.stream.capture.hello import Hello, read_hello
from edge_ser.stream.capture.intake import Intake
from edge_ser.stream.capture.pcm import PcmDecoder
from edge_ser.stream.capture.sender_page import load_sender_page, page_headers
from edge_ser.stream.capture.silence import PAUSE_SECONDS, SILENT_PAUSES
from edge_ser.stream.options import PcmInput
from edge_ser.stream.web.bounded_connection import bounded_connection

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

HELLO_SECONDS = 5.0
"""For the first message."""

PING_SECONDS = 5.0
"""Between two questions whether it is still connected, and for the answer."""

START_SECONDS = 10.0
MOST_BYTES = 1 << 18
"""Of a message."""

MOST_WAITING = 4
"""Messages of a sender that are taken before it has to wait."""

MOST_CONNECTIONS = 8
"""At once, those that are being refused among them."""

MOST_SOCKETS = 64
"""At once, those that have said nothing yet among them."""

POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013
"""Close codes: RFC 6455, 7.4.1, and IANA's registry."""

MOST_REASON = 123
"""Bytes that a close frame holds beside the code."""


class WebSocketSource(FedSource):
    """A `Source` that is a WebSocket server.

    Args:
        address: "HOST:PORT"; port 0 takes a free one, see `port`.
        samples: of a sender that does not say.
        token: that a sender has to show; None lets every program of this computer send.

    Raises:
        EnvironmentMissing: websockets is not installed.
        InputError: no address, or one that other computers reach and no token.
    """

    live = True

    def __init__(self, address: str, samples: PcmInput, token: str | None) -> None:
        try:
            import websockets  # noqa: F401
        except ImportError as error:
            raise EnvironmentMissing(
                f"audio over a WebSocket needs websockets: {error}",
                "pip install 'edge-ser[outputs]'",
            ) from error
        super().__init__(Intake(samples.rate))
        self._host, self.port = split_address(address)
        check_binding(self._host, token, "--websocket")
        self._samples = samples
        self._token = token
        self._page = load_sender_page()
        self._connections = 0
        self._sending = False
        self._started: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="websocket", daemon=True)

    @property
    def label(self) -> str:
        """Kind and address."""
        return f"WebSocket on {join_address(self._host, self.port)}"

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.port = self._started.result(START_SECONDS)
        except OSError as error:
            raise InputError(
                f"cannot listen for {self.label}: {error.strerror or error}",
                "is the port taken by another program (ss -tlpn), and is it an address of this "
                "computer (ip address)?",
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the server has ended already
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        """The server's thread."""
        with self._feeding("the server"):
            try:
                asyncio.run(self._serve())
            except Exception as error:
                if self._started.done():
                    raise
                self._started.set_exception(error)

    async def _serve(self) -> None:
        from websockets.asyncio.server import serve

        # Whoever sends nonsense to an open port must not fill the log.
        quiet = logging.getLogger(f"{__name__}.protocol")
        quiet.setLevel(logging.CRITICAL)
        self._loop = asyncio.get_running_loop()
        async with serve(
            self._talk,
            self._host,
            self.port,
            process_request=self._admit,
            compression=None,
            create_connection=bounded_connection(MOST_SOCKETS),
            max_size=MOST_BYTES,
            max_queue=MOST_WAITING,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            open_timeout=HELLO_SECONDS,
            close_timeout=1,
            logger=quiet,
        ) as server:
            self._started.set_result(next(iter(server.sockets)).getsockname()[1])
            await self._stop.wait()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before the handshake: None lets the connection in."""
        headers = request.headers
        host = headers.get("Host")
        if not host_allowed(host, self._host):
            return connection.respond(421, "This host name is not served here.\n")
        if "Upgrade" not in headers:
            return self._page_answer(connection, request.path)
        if not origin_allowed(headers.get("Origin"), host):
            return connection.respond(403, "Pages of this origin may not connect.\n")
        if self._connections >= MOST_CONNECTIONS:
            return connection.respond(503, "Too many connections.\n")
        if self._token is None or "Authorization" not in headers:
            return None
        if not token_matches(bearer_token(headers["Authorization"]), self._token):
            return connection.respond(401, "Wrong token.\n")
        return None

    def _page_answer(self, connection: ServerConnection, path: str) -> Response:
        """A browser asks for the page that sends."""
        from websockets.datastructures import Headers
        from websockets.http11 import Response

        answer = self._page.get(path.partition("?")[0])
        if answer is None:
            return connection.respond(404, "There is no such page.\n")
        headers = Headers(page_headers(answer))
        return Response(int(answer.status), "OK", headers, answer.body)

    async def _talk(self, connection: ServerConnection) -> None:
        """One connection, from the first message to its end."""
        from websockets.exceptions import ConnectionClosed

        self._connections += 1
        try:
            samples = await self._greet(connection)
            if samples is not None:
                await self._listen(connection, samples)
        except ConnectionClosed:
            pass
        finally:
            self._connections -= 1

    async def _greet(self, connection: ServerConnection) -> PcmInput | None:
        """What the sender will send; None if it was refused."""
        code = POLICY_VIOLATION
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                message = await connection.recv()
            hello = read_hello(message, self._samples)
        except TimeoutError:
            reason = "no first message"
        except InputError as error:
            reason = f"{error}; {error.hint}"
        else:
            if not self._may_send(connection, hello):
                reason = "wrong token"
            elif self._sending:
                code, reason = TRY_AGAIN_LATER, "another sender is connected"
            else:
                return hello.samples
        self.counters.invalid += 1
        await connection.send(json.dumps({"error": reason}))
        await connection.close(code, reason.encode()[:MOST_REASON].decode(errors="ignore"))
        return None

    def _may_send(self, connection: ServerConnection, hello: Hello) -> bool:
        """Whether the token was shown, in the header (checked before) or in the message."""
        assert connection.request is not None
        return (
            self._token is None
            or "Authorization" in connection.request.headers
            or token_matches(hello.token, self._token)
        )

    async def _listen(self, connection: ServerConnection, samples: PcmInput) -> None:
        """Take samples until the connection ends, which raises `ConnectionClosed`."""
        decoder = PcmDecoder(samples, self.counters)
        pauses = 0
        self._sending = True
        try:
            await connection.send(json.dumps({"ready": True}))
            while True:
                try:
                    async with asyncio.timeout(PAUSE_SECONDS):
                        message = await connection.recv()
                except TimeoutError:
                    pauses += 1
                    if pauses == SILENT_PAUSES:
                        self._intake.end()
                    continue
                pauses = 0
                if isinstance(message, str):
                    self.counters.invalid += 1
                else:
                    self._take(decoder.feed(message), samples.rate)
        finally:
            self._sending = False
            self._intake.end()
            decoder.finish()

    def _take(self, frames: NDArray[np.float32], rate: float) -> None:
        if len(frames) == 0:
            return
        if not self._intake.connected:
            self._intake.begin(rate)
        self._intake.write(frames)
