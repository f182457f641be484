"""Packets of one sender back in the order in which they were sent (a small jitter buffer).

A hole is waited for until enough later packets are there; then it is given up. Duplicates and
packets that come after that are ignored. A jump of the sequence is believed when the packet after
it confirms it (RFC 3550, A.1): the sender was restarted.
"""

from __future__ import annotations

from edge_ser.stream.capture.rtp_packet import RtpPacket

MOST_WAITING = 16
"""Packets behind a hole; at the usual 20 ms each, 0.3 s."""

MOST_AHEAD = 3_000
"""Sequence numbers that may be lost at once before it counts as a restart."""

MOST_BEHIND = 100
"""How late a packet may be before it counts as a restart."""


class PacketOrder:
    """Reorders; holds at most `MOST_WAITING` packets."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, RtpPacket] = {}
        self._unconfirmed: RtpPacket | None = None

    def push(self, packet: RtpPacket) -> list[RtpPacket]:
        """Take a packet; those whose turn has come, oldest first."""
        if self._next is None:
            self._next = packet.sequence
        ahead = sequence_distance(self._next, packet.sequence)
        if not -MOST_BEHIND <= ahead < MOST_AHEAD:
            return self._after_jump(packet)
        self._unconfirmed = None
        if ahead < 0:
            return []
        self._waiting[packet.sequence] = packet
        ready = self._in_turn()
        if len(self._waiting) >= MOST_WAITING:
            ready += self._give_up_hole()
        return ready

    def flush(self) -> list[RtpPacket]:
        """Nothing arrives at the moment: every hole is given up."""
        ready: list[RtpPacket] = []
        while self._waiting:
            ready += self._give_up_hole()
        return ready

    def _in_turn(self) -> list[RtpPacket]:
        ready = []
        while self._next in self._waiting:
            ready.append(self._waiting.pop(self._next))
            self._next = (self._next + 1) & 0xFFFF
        return ready

    def _give_up_hole(self) -> list[RtpPacket]:
        """Go on with the oldest packet that waits."""
        expected = self._next or 0
        self._next = min(self._waiting, key=lambda number: sequence_distance(expected, number))
        return self._in_turn()

    def _after_jump(self, packet: RtpPacket) -> list[RtpPacket]:
        before = self._unconfirmed
        if before is None or sequence_distance(before.sequence, packet.sequence) != 1:
            self._unconfirmed = packet
            return []
        ready = self.flush()
        self._unconfirmed = None
        self._next = (packet.sequence + 1) & 0xFFFF
        return [*ready, before, packet]


def sequence_distance(start: int, end: int) -> int:
    """Steps from one 16-bit number to another, -32768..32767.

    Examples:
        >>> sequence_distance(65_535, 1), sequence_distance(1, 65_535)
        (2, -2)
    """
    return (end - start + 0x8000 & 0xFFFF) - 0x8000
