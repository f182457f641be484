"""Connections that cannot use up a server: neither by their number nor by a request without end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

LARGEST_HEAD = 16_384
"""Bytes of a request before its empty line; more is cut off."""


def bounded_connection(most: int) -> type[ServerConnection]:
    """A connection that is cut off when there are too many, or its request is too long.

    Args:
        most: open at once, of any kind: further ones are closed unheard, so that descriptors
            last.
    """
    from websockets.asyncio.server import ServerConnection

    class BoundedConnection(ServerConnection):
        _head = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if len(self.server.handler_tasks) > most:
                self.transport.abort()

        def data_received(self, data: bytes) -> None:
            if self.request is None:
                self._head += len(data)
                if self._head > LARGEST_HEAD:
                    self.transport.abort()
                    return
            super().data_received(data)

    return BoundedConnection
