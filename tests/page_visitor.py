"""Somebody who has the web page open from now on and reads all that it is sent."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import connect


class PageVisitor:
    """Reads until the stream says goodbye.

    Args:
        page: address of the page, "http://HOST:PORT/".
    """

    def __init__(self, page: str) -> None:
        self._messages: list[dict[str, Any]] = []
        self._client = connect(f"ws://{urlsplit(page).netloc}/ws", proxy=None, max_size=None)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def messages(self, kind: str) -> list[dict[str, Any]]:
        """All of a type, oldest first, once the stream has ended."""
        self._reader.join(30)
        assert not self._reader.is_alive()
        return [message for message in self._messages if message["type"] == kind]

    def times(self) -> list[float]:
        """`t` of every reading, those before the visit from the history."""
        (hello,) = self.messages("hello")
        assert not self.messages("missed") and len(self.messages("end")) == 1
        before: list[float] = hello["history"]["t"]
        newer = [reading["t"] for reading in self.messages("reading")]
        # One that comes while the greeting is made is in both.
        return sorted({round(t, 3) for t in before + newer})

    def _read(self) -> None:
        with self._client:
            self._messages += [json.loads(message) for message in self._client]
