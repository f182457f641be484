"""One RTP packet (RFC 3550, 5.1) out of a datagram. Non-goal: RTCP, which is only recognised."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")

RTP_VERSION = 2
RTCP_TYPES = range(192, 224)
"""Second byte of an RTCP packet that shares the port (RFC 5761, 4)."""


class MalformedPacket(ValueError):
    """The datagram is no RTP packet."""


@dataclass(frozen=True)
class RtpPacket:
    """What a receiver needs.

    Attributes:
        payload_type: 0..127.
        marker: of the profile; for audio, the first packet after silence.
        sequence: 16 bits, one more with every packet.
        timestamp: 32 bits, of the payload's first frame, in frames.
        ssrc: 32 bits that name the sender.
        payload: without header, CSRCs, extension and padding.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def is_rtcp(datagram: bytes) -> bool:
    """Whether it is a report of the sender's rather than audio."""
    return len(datagram) >= 2 and datagram[0] >> 6 == RTP_VERSION and datagram[1] in RTCP_TYPES


def parse_rtp(datagram: bytes) -> RtpPacket:
    """The packet.

    Raises:
        MalformedPacket: too short, of another version, or lengths that do not fit.
    """
    if len(datagram) < _HEADER.size:
        raise MalformedPacket("shorter than a header")
    flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if flags >> 6 != RTP_VERSION:
        raise MalformedPacket(f"version {flags >> 6}")
    begin = _HEADER.size + 4 * (flags & 0x0F)
    if flags & 0x10:
        if len(datagram) < begin + _EXTENSION.size:
            raise MalformedPacket("extension beyond the end")
        _, words = _EXTENSION.unpack_from(datagram, begin)
        begin += _EXTENSION.size + 4 * words
    end = len(datagram)
    if flags & 0x20:
        padding = datagram[-1]
        if padding == 0:
            raise MalformedPacket("padding of no length")
        end -= padding
    if begin > end:
        raise MalformedPacket("header longer than the packet")
    return RtpPacket(kind & 0x7F, bool(kind & 0x80), sequence, timestamp, ssrc, datagram[begin:end])
