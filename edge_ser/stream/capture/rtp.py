"""Linear 16-bit audio over RTP (RFC 3550, 3551), with SRTP where a key is given (RFC 3711).

Payload types 10 and 11 are 44.1 kHz stereo and mono; 96 to 127 have the rate and channels that
the user gives. Time follows the sender's timestamps: a lost packet becomes silence of its length
and is counted; a pause that the sender left out (its packets number on) becomes silence too.

Non-goals: SDP, RTCP reports, multicast, codecs: other payload types are ignored and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_ser.stream.capture.intake import Intake
from edge_ser.stream.capture.pcm import PcmDecoder
from edge_ser.stream.capture.rtp_order import PacketOrder, sequence_distance
from edge_ser.stream.capture.rtp_packet import MalformedPacket, RtpPacket, is_rtcp, parse_rtp
from edge_ser.stream.capture.silence import TAKEOVER_SECONDS
from edge_ser.stream.capture.srtp import Unprotect, UnprotectedPacket
from edge_ser.stream.options import PcmInput

STATIC_TYPES = {
    10: PcmInput(44_100, 2, "s16be"),
    11: PcmInput(44_100, 1, "s16be"),
}
"""RFC 3551, table 4."""

DYNAMIC_TYPES = range(96, 128)

LONGEST_GAP_SECONDS = 5.0
"""Filled with silence; what is missing beyond it is an interruption, counted if it was lost."""


class RtpReceiver:
    """Takes datagrams of the network, gives segments to an intake.

    Args:
        samples: rate and channels of the dynamic payload types.
        intake: receives the audio.
        unprotect: checks and decrypts; None takes RTP in the clear.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        samples: PcmInput,
        intake: Intake,
        unprotect: Unprotect | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dynamic = PcmInput(samples.rate, samples.channels, "s16be")
        self._intake = intake
        self._unprotect = unprotect
        self._clock = clock
        self._ssrc: int | None = None
        self._heard_at = 0.0
        self._order = PacketOrder()
        self._format: PcmInput | None = None
        self._sequence = 0
        self._frames = 0
        self._timestamp = 0

    def take(self, datagram: bytes, sender: object) -> None:
        """One datagram. The sender's address does not count: SSRCs tell senders apart."""
        if is_rtcp(datagram):
            return
        try:
            packet = parse_rtp(self._unprotect(datagram) if self._unprotect else datagram)
        except (MalformedPacket, UnprotectedPacket):
            self._intake.counters.invalid += 1
            return
        if not self._is_audio(packet) or not self._is_our_sender(packet.ssrc):
            self._intake.counters.invalid += 1
            return
        self._heard_at = self._clock()
        self._play(self._order.push(packet))

    def pause(self) -> None:
        """Nothing has arrived for a moment: missing packets will not come."""
        self._play(self._order.flush())

    def silence(self) -> None:
        """Nothing has arrived for so long that the sender is gone."""
        self._leave_sender()

    def _format_of(self, packet: RtpPacket) -> PcmInput | None:
        if packet.payload_type in DYNAMIC_TYPES:
            return self._dynamic
        return STATIC_TYPES.get(packet.payload_type)

    def _is_audio(self, packet: RtpPacket) -> bool:
        """Whether the type is known and the payload is whole frames."""
        samples = self._format_of(packet)
        return samples is not None and len(packet.payload) % (2 * samples.channels) == 0

    def _is_our_sender(self, ssrc: int) -> bool:
        """Whether it is the sender; one that comes after its silence becomes it."""
        if ssrc == self._ssrc:
            return True
        if self._ssrc is not None and self._clock() - self._heard_at < TAKEOVER_SECONDS:
            return False
        self._leave_sender()
        self._ssrc = ssrc
        return True

    def _leave_sender(self) -> None:
        self._play(self._order.flush())
        self._intake.end()
        self._order = PacketOrder()
        self._ssrc = None
        self._format = None

    def _play(self, packets: list[RtpPacket]) -> None:
        for packet in packets:
            samples = self._format_of(packet)
            assert samples is not None  # refused before
            gap = self._gap(packet, samples)
            if gap is None:
                self._intake.begin(samples.rate)
            elif gap > 0:
                in_sequence = sequence_distance(self._sequence, packet.sequence) == 1
                self._intake.fill(gap, lost=not in_sequence)
            frames = PcmDecoder(samples, self._intake.counters).feed(packet.payload)
            self._intake.write(frames)
            self._format, self._sequence = samples, packet.sequence
            self._timestamp = packet.timestamp + len(frames)
            self._frames = len(frames)

    def _gap(self, packet: RtpPacket, samples: PcmInput) -> int | None:
        """Frames missing before the packet; None if a new segment begins with it.

        A packet that goes back in time a little is played where it is: there is no better place.
        """
        if samples != self._format or not self._intake.connected:
            return None
        gap = (packet.timestamp - self._timestamp + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
        if abs(gap) > samples.rate * LONGEST_GAP_SECONDS:
            if self._numbers_agree(packet, gap):
                self._intake.lose(gap)
            return None
        self._intake.counters.invalid += gap < 0
        return gap

    def _numbers_agree(self, packet: RtpPacket, gap: int) -> bool:
        """Whether so many packets are missing as make up the gap, in packets like the last one.

        Otherwise the sender was silent, or was restarted and counts from anywhere.
        """
        missing = packet.sequence - self._sequence - 1 & 0xFFFF
        return gap > 0 and self._frames > 0 and gap % (self._frames << 16) == missing * self._frames
