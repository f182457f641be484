"""The other ends of the soak's sinks: somebody who takes OSC, and a visitor of the page."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from types import TracebackType
from typing import Self

VISIT_SECONDS = 1.0


class OscListener:
    """Counts the datagrams that arrive; used as a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.messages = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def address(self) -> str:
        """HOST:PORT to send to."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def _listen(self) -> None:
        while self._socket.recv(65_536):
            self.messages += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


class Visitor:
    """Asks a page's server for its health and metrics, again and again.

    Args:
        address: HOST:PORT.
    """

    def __init__(self, address: str) -> None:
        self._urls = [f"http://{address}/{page}" for page in ("", "health", "metrics")]
        self._over = threading.Event()
        self.pages = 0
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def _visit(self) -> None:
        while not self._over.wait(VISIT_SECONDS):
            for url in self._urls:
                # Before the stream has started and after it has ended nobody answers.
                try:
                    with urllib.request.urlopen(url, timeout=10) as answer:
                        answer.read()
                    self.pages += 1
                except (urllib.error.URLError, OSError):
                    continue

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()


def free_address() -> str:
    """HOST:PORT on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host, port = probe.getsockname()
    return f"{host}:{port}"
