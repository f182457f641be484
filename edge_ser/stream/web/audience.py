"""The connected browsers: each with a short queue of its own, so that a slow one loses messages
and holds up nobody. All of it runs on the server's event loop; nothing here is thread-safe.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_ser.stream.web.messages import missed_message
from edge_ser.stream.web.metrics import Traffic

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

MOST_CLIENTS = 16

WAITING_MESSAGES = 64
"""Readings and events that wait for one client: half a minute at the default hop."""

_GOING_AWAY = 1001
_TRY_AGAIN_LATER = 1013
_POLICY_VIOLATION = 1008


class _Client:
    """One connection's queue. Of meters only the newest waits."""

    def __init__(self) -> None:
        self.queue: deque[str] = deque()
        self.meter: str | None = None
        self.missed = 0
        self.last = False
        self.changed = asyncio.Event()

    def put(self, message: str) -> int:
        """Queue a message; returns how many older ones had to give way."""
        full = len(self.queue) >= WAITING_MESSAGES
        if full:
            self.queue.popleft()
            self.missed += 1
        self.queue.append(message)
        self.changed.set()
        return int(full)

    def put_meter(self, message: str) -> None:
        """Replace the meter that waits."""
        self.meter = message
        self.changed.set()

    async def take(self) -> list[str]:
        """Wait for messages and take them all."""
        await self.changed.wait()
        self.changed.clear()
        messages = [missed_message(self.missed)] if self.missed else []
        messages += self.queue
        if self.meter is not None:
            messages.append(self.meter)
        self.queue.clear()
        self.meter, self.missed = None, 0
        return messages


class Audience:
    """Everyone who watches.

    Args:
        greeting: makes the first message of a client.
        traffic: where clients and missed messages are counted.
    """

    def __init__(self, greeting: Callable[[], str], traffic: Traffic) -> None:
        self._greeting = greeting
        self._traffic = traffic
        self._clients: set[_Client] = set()
        self._speaking: set[asyncio.Future[None]] = set()

    def publish(self, message: str) -> None:
        """A reading or an event, to everyone."""
        for client in self._clients:
            self._traffic.missed += client.put(message)

    def publish_meter(self, message: str) -> None:
        """A state that replaces the one before."""
        for client in self._clients:
            client.put_meter(message)

    async def farewell(self, message: str, seconds: float) -> None:
        """A last message to everyone, and the time to take it."""
        self.publish(message)
        for client in self._clients:
            client.last = True
        if self._speaking:
            await asyncio.wait(list(self._speaking), timeout=seconds)

    async def serve(self, connection: ServerConnection) -> None:
        """Serve one client until it goes, or says anything: this stream only speaks."""
        if len(self._clients) >= MOST_CLIENTS:
            await connection.close(_TRY_AGAIN_LATER, f"{MOST_CLIENTS} clients are connected")
            return
        client = _Client()
        # Before the greeting is made, so that no reading falls between the two; a page knows
        # readings that come twice by their end_sample.
        self._clients.add(client)
        self._traffic.clients = len(self._clients)
        speaking = asyncio.ensure_future(self._speak(client, connection))
        listening = asyncio.ensure_future(connection.recv())
        self._speaking.add(speaking)
        try:
            await asyncio.wait((speaking, listening), return_when=asyncio.FIRST_COMPLETED)
            if speaking.done():
                speaking.result()
                await connection.close(_GOING_AWAY, "the stream has ended")
            elif listening.done() and listening.exception() is None:
                await connection.close(_POLICY_VIOLATION, "this stream takes no messages")
        finally:
            self._clients.discard(client)
            self._speaking.discard(speaking)
            self._traffic.clients = len(self._clients)
            for task in (speaking, listening):
                task.cancel()
            await asyncio.gather(speaking, listening, return_exceptions=True)

    async def _speak(self, client: _Client, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            await connection.send(self._greeting())
            while client.queue or not client.last:
                for message in await client.take():
                    await connection.send(message)
