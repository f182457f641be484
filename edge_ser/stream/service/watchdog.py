"""Telling systemd that the stream has begun, is alive, and ends: the protocol of sd_notify(3).

Standard library only. Without systemd (`NOTIFY_SOCKET` unset) nothing is sent. With
`WatchdogSec=` in the unit, a loop that hangs stops calling `alive`, and systemd starts anew.
Non-goals: descriptors passed by systemd, and sockets of a virtual machine (vsock:).
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

_SHARE = 0.25
"""Of the time that systemd waits: a message that is lost is followed by others in time."""

STATUS_SECONDS = 10.0
"""Least time between two status texts, which `systemctl status` shows."""


class Watchdog:
    """One service's line to systemd.

    Args:
        environment: names the socket (`NOTIFY_SOCKET`) and, in microseconds, the longest silence
            (`WATCHDOG_USEC`) for a process (`WATCHDOG_PID`).
        clock: seconds; must not jump.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._interval = _interval(environment)
        self._clock = clock
        self._alive_at = self._status_at = float("-inf")
        self._status = ""
        self._failed = False

    @property
    def heard(self) -> bool:
        """Whether anybody listens to what is told."""
        return self._address is not None

    @property
    def interval(self) -> float | None:
        """Seconds between two signs of life; None if systemd expects none."""
        return self._interval

    def ready(self) -> None:
        """The stream runs: what depends on this service may start."""
        self._send("READY=1")
        self.alive()

    def alive(self) -> None:
        """The loop has come round. May be called as often as it likes."""
        if self._interval is None:
            return
        now = self._clock()
        if now - self._alive_at >= self._interval:
            self._alive_at = now
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """What the stream is doing, for `systemctl status`; too frequent ones are left out."""
        now = self._clock()
        if text == self._status or now - self._status_at < STATUS_SECONDS:
            return
        self._status, self._status_at = text, now
        self._send("STATUS=" + " ".join(text.split()))

    def stopping(self) -> None:
        """The stream ends on purpose."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                # A full queue of systemd's must not hold up the audio; the next message counts.
                line.setblocking(False)
                line.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._failed:
                _log.warning("systemd cannot be told of this stream: %s", error)
            self._failed = True


def _address(name: str) -> str | bytes | None:
    """The socket's address: a path, or a name that begins with "@" (Linux's abstract ones)."""
    if name.startswith("@"):
        return b"\0" + os.fsencode(name[1:])
    return name if name.startswith("/") else None


def _interval(environment: Mapping[str, str]) -> float | None:
    """Seconds between signs of life, if systemd waits for those of this process."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    process = environment.get("WATCHDOG_PID", str(os.getpid()))
    if not (microseconds.isdecimal() and process == str(os.getpid())) or int(microseconds) == 0:
        return None
    return int(microseconds) / 1e6 * _SHARE
