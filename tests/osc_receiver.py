"""What arrives at a UDP socket from the OSC sink, understood by python-osc."""

from __future__ import annotations

import socket
from typing import Any

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

Contents = dict[str, list[Any]]
"""Address -> arguments."""


def received(receiver: socket.socket) -> tuple[float, Contents]:
    """Time and contents of the next bundle."""
    bundle = OscBundle(receiver.recv(65_536))
    contents: Contents = {}
    for message in bundle:
        assert isinstance(message, OscMessage)
        contents[message.address] = list(message.params)
    return bundle.timestamp, contents


def all_received(receiver: socket.socket) -> list[Contents]:
    """Of a sender that has ended: everything that still waits in the socket, oldest first."""
    receiver.setblocking(False)
    found = []
    while True:
        try:
            found.append(received(receiver)[1])
        except BlockingIOError:
            return found
