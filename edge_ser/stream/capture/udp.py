"""Raw samples in UDP datagrams, each of whole frames: the simplest sender there is.

Nothing in a datagram tells who sent it or whether one is missing, so this is for programs on the
same computer alone; beyond it, RTP with a key or a WebSocket with a token does the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_ser.stream.capture.intake import Intake
from edge_ser.stream.capture.pcm import PcmDecoder
from edge_ser.stream.capture.silence import TAKEOVER_SECONDS
from edge_ser.stream.options import PcmInput


class UdpReceiver:
    """Takes datagrams of the network, gives segments to an intake.

    Args:
        samples: what a datagram holds.
        intake: receives the audio.
        clock: seconds, monotonic.
    """

    def __init__(
        self, samples: PcmInput, intake: Intake, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._samples = samples
        self._intake = intake
        self._clock = clock
        self._sender: object = None
        self._heard_at = 0.0

    def take(self, datagram: bytes, sender: object) -> None:
        """One datagram; those of a second sender are ignored and counted."""
        now = self._clock()
        if sender != self._sender:
            if self._sender is not None and now - self._heard_at < TAKEOVER_SECONDS:
                self._intake.counters.invalid += 1
                return
            self._intake.end()
            self._sender = sender
        self._heard_at = now
        decoder = PcmDecoder(self._samples, self._intake.counters)
        frames = decoder.feed(datagram)
        decoder.finish()
        if len(frames) == 0:
            return
        if not self._intake.connected:
            self._intake.begin(self._samples.rate)
        self._intake.write(frames)

    def pause(self) -> None:
        """Nothing has arrived for a moment."""

    def silence(self) -> None:
        """Nothing has arrived for so long that the sender is gone."""
        self._intake.end()
        self._sender = None
