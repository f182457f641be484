"""Readings and events as Open Sound Control over UDP, for sound and media programs.

One bundle per reading, tagged with its time, so that a receiver takes all of its values at once.
UDP tells nobody whether anything arrives: what is sent counts as delivered. Addresses and types
are in docs/OUTPUTS.md. Non-goals: OSC over TCP, receiving.
"""

from __future__ import annotations

import socket
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.access import split_address
from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event, Reading, Summary

PREFIX = "/edge-ser"

Message = tuple[str, list[str | int | float]]
"""Address below the prefix, and arguments."""


def reading_messages(reading: Reading) -> list[Message]:
    """What one reading says; values that are not known have no message."""
    values = {
        "t": reading.t,
        **{name: getattr(reading, name) for name in DIMENSIONS},
        **{f"confidence/{name}": getattr(reading, f"{name}_confidence") for name in DIMENSIONS},
        **{f"change/{name}": getattr(reading, f"{name}_change") for name in DIMENSIONS},
        "speech": reading.speech_share,
        "level": reading.level_dbfs,
    }
    messages: list[Message] = [("state", [reading.state])]
    return messages + [(name, [value]) for name, value in values.items() if value is not None]


def event_message(event: Event) -> Message:
    """Name, 1 for a beginning or 0 for an end, seconds that it held, and the value if known."""
    value = [] if event.value is None else [event.value]
    return "event", [event.name, int(event.active), event.held_seconds, *value]


class Osc(Sink):
    """Sends to one receiver.

    Args:
        address: "HOST:PORT".

    Raises:
        InputError: it is no address.
        EnvironmentMissing: python-osc is not installed.
    """

    name = "osc"

    def __init__(self, address: str) -> None:
        try:
            from pythonosc import osc_bundle_builder, osc_message_builder
        except ImportError as error:
            raise EnvironmentMissing(
                "OSC needs python-osc", "pip install 'edge-ser[outputs]'"
            ) from error
        self._bundles: Any = osc_bundle_builder
        self._messages: Any = osc_message_builder
        self._host, self._port = split_address(address)
        if self._port == 0:
            raise InputError(f"{address!r}: nothing can be sent to port 0")
        self._socket: socket.socket | None = None
        self._receiver: Any = None

    def reading(self, reading: Reading) -> None:
        """Send one bundle.

        Raises:
            OSError: the host has no address at the moment, the network is down, ...
        """
        self._send(reading.time, reading_messages(reading))

    def event(self, event: Event) -> None:
        """Send one bundle; raises as `reading` does."""
        self._send(event.time, [event_message(event)])

    def finish(self, summary: Summary) -> None:
        """Close the socket."""
        self._close()

    def _send(self, time: float, messages: list[Message]) -> None:
        bundle = self._bundles.OscBundleBuilder(time)
        for address, arguments in messages:
            message = self._messages.OscMessageBuilder(f"{PREFIX}/{address}")
            for argument in arguments:
                message.add_arg(argument)
            bundle.add_content(message.build())
        try:
            if self._socket is None:
                self._open()
            assert self._socket is not None
            self._socket.sendto(bundle.build().dgram, self._receiver)
        except OSError:
            # Next time the name is looked up again: the receiver may have moved.
            self._close()
            raise

    def _open(self) -> None:
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, self._receiver = found[0]
        self._socket = socket.socket(family, kind, protocol)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
