"""A UDP socket as a source: a thread that takes datagrams, and notices when none come any more."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Protocol, Self

from edge_ser.errors import InputError
from edge_ser.stream.access import join_address, split_address
from edge_ser.stream.capture.fed_source import FedSource
from edge_ser.stream.capture.intake import Intake
from edge_ser.stream.capture.silence import PAUSE_SECONDS, SILENT_PAUSES

LARGEST_DATAGRAM = 65_536
SOCKET_BUFFER = 1 << 20
"""Bytes asked of the system, for a receiver that is held up; it may give less."""


class DatagramReceiver(Protocol):
    """What to do with datagrams; called from the source's thread alone."""

    def take(self, datagram: bytes, sender: object) -> None:
        """One arrived, from an address."""

    def pause(self) -> None:
        """None has arrived for `PAUSE_SECONDS`."""

    def silence(self) -> None:
        """None has arrived for `SILENT_PAUSES` pauses: the sender is gone."""


class DatagramSource(FedSource):
    """A `Source` that listens for datagrams.

    Args:
        kind: for people, e.g. "RTP".
        address: "HOST:PORT"; port 0 takes a free one, see `port`.
        receiver: gives segments to `intake`.
        intake: its `rate` is reported until a sender has come.
    """

    live = True

    def __init__(self, kind: str, address: str, receiver: DatagramReceiver, intake: Intake) -> None:
        super().__init__(intake)
        self._kind = kind
        self._host, self.port = split_address(address)
        self._receiver = receiver
        self._socket: socket.socket | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=kind, daemon=True)

    @property
    def label(self) -> str:
        """Kind and address."""
        return f"{self._kind} on {join_address(self._host, self.port)}"

    def __enter__(self) -> Self:
        self._socket = self._bound_socket()
        self.port = self._socket.getsockname()[1]
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._thread.join()

    def _bound_socket(self) -> socket.socket:
        try:
            addresses = socket.getaddrinfo(
                self._host, self.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
            )
            # `localhost` may be both; senders that are told 127.0.0.1 are the usual ones.
            family, kind, protocol, _, bound = min(
                addresses, key=lambda address: address[0] != socket.AF_INET
            )
            opened = socket.socket(family, kind, protocol)
        except OSError as error:
            raise self._refusal(error) from error
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
            opened.settimeout(PAUSE_SECONDS)
            opened.bind(bound)
        except OSError as error:
            opened.close()
            raise self._refusal(error) from error
        return opened

    def _refusal(self, error: OSError) -> InputError:
        return InputError(
            f"cannot listen for {self.label}: {error.strerror or error}",
            "is the port taken by another program (ss -ulpn), and is it an address of this "
            "computer (ip address)?",
        )

    def _run(self) -> None:
        """The receiving thread."""
        with self._feeding("receiving"):
            self._receive()

    def _receive(self) -> None:
        assert self._socket is not None
        pauses = 0
        with self._socket as opened:
            while not self._closing.is_set():
                try:
                    datagram, sender = opened.recvfrom(LARGEST_DATAGRAM)
                except TimeoutError:
                    pauses += 1
                    self._receiver.pause()
                    if pauses == SILENT_PAUSES:
                        self._receiver.silence()
                else:
                    pauses = 0
                    self._receiver.take(datagram, sender)
