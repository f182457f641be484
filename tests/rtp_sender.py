"""A microphone elsewhere on the network: sends audio as RTP packets at its own pace."""

from __future__ import annotations

import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

PACKET_FRAMES = 320
"""20 ms at 16 kHz, as phones send."""

_PAYLOAD_TYPE = 97


class RtpSender:
    """Sends a signal over and over, mono at 16 kHz, from its own thread, until it is left.

    Args:
        port: on loopback.
        samples: (n,) float32 within [-1, 1], whole packets.

    Attributes:
        packets: sent so far.
    """

    def __init__(self, port: int, samples: NDArray[np.float32]) -> None:
        pcm = (samples * 32767).astype(">i2").tobytes()
        size = 2 * PACKET_FRAMES
        self._payloads = [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]
        self._address = ("127.0.0.1", port)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.packets = 0

    def stop(self) -> None:
        """No packet follows."""
        self._over.set()
        self._thread.join()

    def _send(self) -> None:
        begun = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not self._over.is_set():
                payload = self._payloads[self.packets % len(self._payloads)]
                number = self.packets
                head = struct.pack(
                    "!BBHII",
                    0x80,
                    _PAYLOAD_TYPE,
                    number & 0xFFFF,
                    number * PACKET_FRAMES & 0xFFFF_FFFF,
                    0x5EED,
                )
                sender.sendto(head + payload, self._address)
                self.packets += 1
                due = begun + self.packets * PACKET_FRAMES / 16_000
                self._over.wait(max(0.0, due - time.monotonic()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
