"""RTP: hostile packets, loss, reordering, restarts, keys, and real sockets; raw UDP beside it."""

from __future__ import annotations

import base64
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pylibsrtp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.errors import AudioDeviceError, EnvironmentMissing, InputError
from edge_ser.stream.capture import open_source
from edge_ser.stream.capture.datagrams import DatagramSource
from edge_ser.stream.capture.intake import Intake
from edge_ser.stream.capture.rtp import LONGEST_GAP_SECONDS, RtpReceiver
from edge_ser.stream.capture.rtp_order import MOST_AHEAD, MOST_WAITING, PacketOrder
from edge_ser.stream.capture.rtp_packet import MalformedPacket, RtpPacket, is_rtcp, parse_rtp
from edge_ser.stream.capture.silence import TAKEOVER_SECONDS
from edge_ser.stream.capture.srtp import unprotect_with
from edge_ser.stream.capture.udp import UdpReceiver
from edge_ser.stream.options import InputOptions, PcmInput
from edge_ser.stream.protocols import Source

MONO = PcmInput(16_000, 1)
FRAMES = 160
LIMIT_SECONDS = 20.0


def payload(number: int, frames: int = FRAMES, channels: int = 1) -> bytes:
    """A packet's samples, all of one value that tells which packet it is."""
    return struct.pack(">h", number) * (frames * channels)


def rtp(
    number: int,
    *,
    ssrc: int = 7,
    kind: int = 97,
    data: bytes | None = None,
    start: int = 0,
    at: int | None = None,
) -> bytes:
    """Packet `number` of a sender whose first sequence number and timestamp are `start`."""
    timestamp = start + number * FRAMES if at is None else at
    header = struct.pack(
        "!BBHII", 0x80, kind, (start + number) & 0xFFFF, timestamp & 0xFFFF_FFFF, ssrc
    )
    return header + (payload(number % 1_000) if data is None else data)


def heard(intake: Intake) -> list[int]:
    """The numbers of the packets that were heard, in order; 0 for a packet's length of silence."""
    blocks = [np.zeros(0, np.float32)]
    while (block := intake.read()) is not None and len(block):
        blocks.append(block)
    samples = np.round(np.concatenate(blocks) * 2**15).astype(int)
    assert len(samples) % FRAMES == 0
    packets = samples.reshape(-1, FRAMES)
    assert (packets == packets[:, :1]).all()
    numbers: list[int] = packets[:, 0].tolist()
    return numbers


class Clock:
    """Stands until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def receiver(
    samples: PcmInput = MONO, clock: Callable[[], float] | None = None
) -> tuple[RtpReceiver, Intake]:
    """Without a socket."""
    intake = Intake(samples.rate)
    return RtpReceiver(samples, intake, clock=clock or Clock()), intake


def take(to: RtpReceiver, *datagrams: bytes) -> None:
    """One after the other."""
    for datagram in datagrams:
        to.take(datagram, ("127.0.0.1", 9))


# Packets.


@settings(max_examples=200, deadline=None)
@given(
    marker=st.booleans(),
    kind=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFF_FFFF),
    ssrc=st.integers(0, 0xFFFF_FFFF),
    sources=st.lists(st.integers(0, 0xFFFF_FFFF), max_size=15),
    extension=st.none() | st.lists(st.integers(0, 0xFFFF_FFFF), max_size=4),
    padding=st.integers(0, 255),
    data=st.binary(max_size=40),
)
def test_a_packet_is_read_back(
    marker: bool,
    kind: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    sources: list[int],
    extension: list[int] | None,
    padding: int,
    data: bytes,
) -> None:
    flags = 0x80 | len(sources) | 0x10 * (extension is not None) | 0x20 * (padding > 0)
    datagram = struct.pack("!BBHII", flags, marker << 7 | kind, sequence, timestamp, ssrc)
    datagram += struct.pack(f"!{len(sources)}I", *sources)
    if extension is not None:
        datagram += struct.pack(f"!HH{len(extension)}I", 0xBEDE, len(extension), *extension)
    datagram += data + (bytes(padding - 1) + bytes([padding]) if padding else b"")
    assert parse_rtp(datagram) == RtpPacket(kind, marker, sequence, timestamp, ssrc, data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100) | st.binary(max_size=40).map(lambda rest: b"\xb0\x61" + rest))
def test_any_bytes_are_a_packet_or_malformed(datagram: bytes) -> None:
    try:
        packet = parse_rtp(datagram)
    except MalformedPacket:
        return
    assert len(packet.payload) <= len(datagram) - 12


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x80" * 11,
        b"\x40" + bytes(20),  # version 1
        b"\x8f" + bytes(20),  # 15 CSRCs that are not there
        b"\x90" + bytes(13),  # half an extension
        b"\x90" + bytes(13) + b"\xff\xff",  # a long one
        b"\xa0" + bytes(12),  # padding of 0
        b"\xa0" + bytes(11) + b"\xff",  # more padding than packet
    ],
)
def test_what_is_no_packet_is_counted_and_ignored(datagram: bytes) -> None:
    with pytest.raises(MalformedPacket):
        parse_rtp(datagram)
    to, intake = receiver()
    take(to, datagram)
    assert (intake.counters.invalid, intake.connected) == (1, False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.integers(0, 500).map(rtp), max_size=60))
def test_no_datagrams_upset_the_receiver(datagrams: list[bytes]) -> None:
    to, intake = receiver()
    take(to, *datagrams)
    to.pause()
    take(to, *datagrams)
    to.silence()
    assert not intake.connected
    while (block := intake.read()) is not None and len(block):
        assert np.isfinite(block).all()


def test_reports_that_share_the_port_are_left_alone() -> None:
    report = struct.pack("!BBHI", 0x80, 200, 6, 7) + bytes(20)
    assert is_rtcp(report) and not is_rtcp(rtp(1)) and not is_rtcp(b"")
    to, intake = receiver()
    take(to, report)
    assert intake.counters.invalid == 0


# Order.


def packet(number: int) -> RtpPacket:
    """By its number alone."""
    return RtpPacket(97, False, number & 0xFFFF, number * FRAMES, 7, b"")


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from([0, 65_530, 40_000]),
    seed=st.integers(0, 1_000),
    lost=st.sets(st.integers(1, 59), max_size=20),
    twice=st.sets(st.integers(1, 59), max_size=10),
)
def test_packets_are_put_in_order_without_the_lost_ones(
    start: int, seed: int, lost: set[int], twice: set[int]
) -> None:
    """Shuffled within less than the buffer holds; the first one leads."""
    numbers = [n for n in range(1, 60) if n not in lost] + sorted(twice - lost)
    shuffled = sorted(numbers, key=lambda n: n + random.Random(seed * 60 + n).uniform(0, 8))
    order = PacketOrder()
    got = [number for n in [0, *shuffled] for number in order.push(packet(start + n))]
    got += order.flush()
    assert got == [packet(start + n) for n in range(60) if n not in lost]
    assert order.flush() == []


def test_a_hole_is_given_up_when_enough_packets_wait() -> None:
    order = PacketOrder()
    assert order.push(packet(0)) == [packet(0)]
    for number in range(2, 1 + MOST_WAITING):
        assert order.push(packet(number)) == []
    got = order.push(packet(1 + MOST_WAITING))
    assert got == [packet(n) for n in range(2, 2 + MOST_WAITING)]
    assert order.push(packet(1)) == []  # too late


def test_a_jump_is_believed_when_it_is_confirmed() -> None:
    order, far = PacketOrder(), MOST_AHEAD + 500
    order.push(packet(0))
    assert order.push(packet(far)) == []
    assert order.push(packet(1)) == [packet(1)]  # it was a stray one
    assert order.push(packet(far + 1)) == []
    assert order.push(packet(far + 2)) == [packet(far + 1), packet(far + 2)]
    assert order.push(packet(far + 3)) == [packet(far + 3)]


# The receiver.


def test_audio_in_order() -> None:
    to, intake = receiver()
    take(to, *(rtp(number, start=65_534) for number in range(1, 6)))
    assert intake.connected
    assert heard(intake) == [1, 2, 3, 4, 5]
    assert intake.counters.frames == 5 * FRAMES


def test_reordered_and_doubled_packets() -> None:
    to, intake = receiver()
    take(to, *(rtp(number) for number in (1, 3, 2, 2, 5, 1, 4, 6)))
    assert heard(intake) == [1, 2, 3, 4, 5, 6]
    assert intake.counters.dropped == 0


def test_lost_packets_become_silence_of_their_length() -> None:
    to, intake = receiver()
    take(to, rtp(1), rtp(2), rtp(5))
    to.pause()
    take(to, rtp(6), rtp(3), rtp(4))  # too late
    assert heard(intake) == [1, 2, 0, 0, 5, 6]
    assert intake.counters.dropped == 2 * FRAMES
    assert intake.counters.frames == 4 * FRAMES


def test_a_pause_that_was_not_sent_becomes_silence_and_is_no_loss() -> None:
    to, intake = receiver()
    take(to, rtp(1), rtp(2, at=5 * FRAMES))
    assert heard(intake) == [1, 0, 0, 0, 2]
    assert intake.counters.dropped == 0


def test_time_that_goes_back_is_played_on_and_counted() -> None:
    to, intake = receiver()
    take(to, rtp(1), rtp(2, at=0))
    assert heard(intake) == [1, 2]
    assert intake.counters.invalid == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_a_long_gap_is_an_interruption(sign: int) -> None:
    to, intake = receiver()
    far = 10**6 + sign * round(16_000 * (LONGEST_GAP_SECONDS + 1))
    take(to, rtp(1, at=10**6 - FRAMES), rtp(2, at=far), rtp(3, at=far + FRAMES))
    assert heard(intake) == [1]
    assert heard(intake) == [2, 3]
    assert intake.counters.reconnects == 1
    assert intake.counters.dropped == 0


@pytest.mark.parametrize("missing", [600, 70_000])
def test_a_long_loss_is_counted_too(missing: int) -> None:
    """The numbers went on as time did; however often they wrapped around."""
    to, intake = receiver()
    take(to, rtp(1), *(rtp(2 + missing + more) for more in range(3)))
    to.pause()
    assert heard(intake) == [1]
    assert len(heard(intake)) == 3
    assert intake.counters.reconnects == 1
    assert intake.counters.dropped == missing * FRAMES


def test_a_restarted_sender_is_followed() -> None:
    """Same SSRC, other numbers; then another SSRC, once the old one is silent."""
    clock = Clock()
    to, intake = receiver(clock=clock)
    take(to, rtp(1), rtp(2), rtp(3, start=1_000_000), rtp(4, start=1_000_000))
    take(to, rtp(9, ssrc=8), rtp(5, start=1_000_000))
    assert heard(intake) == [1, 2]
    assert heard(intake) == [3, 4, 5]
    assert intake.counters.invalid == 1  # the stranger
    clock.now += TAKEOVER_SECONDS
    take(to, rtp(9, ssrc=8))
    assert heard(intake) == []  # the old segment has ended
    assert heard(intake) == [9]
    assert intake.counters.reconnects == 2


def test_a_silent_sender_is_gone_and_may_come_back() -> None:
    to, intake = receiver()
    take(to, rtp(1), rtp(3))
    to.silence()
    assert not intake.connected
    assert heard(intake) == [1, 0, 3]
    take(to, rtp(4))
    assert heard(intake) == [4]
    assert intake.counters.reconnects == 1


def test_payload_types() -> None:
    to, intake = receiver(PcmInput(16_000, 2))
    take(
        to,
        rtp(1, kind=0),  # PCMU
        rtp(1, data=payload(1)[:-2]),  # torn: not whole stereo frames
        rtp(1, kind=33),
    )
    assert (intake.counters.invalid, intake.connected) == (3, False)
    left_right = struct.pack(">hh", 100, 300) * FRAMES
    take(to, rtp(1, data=left_right))
    assert heard(intake) == [200]
    take(to, rtp(2, kind=11))
    assert intake.rate == 44_100
    take(to, rtp(3, kind=10, data=left_right))
    assert intake.rate == 44_100
    assert intake.counters.invalid == 3


# Keys.


def key_file(folder: Path, key: bytes, name: str = "key") -> Path:
    """As ffmpeg takes it, base64."""
    path = folder / name
    path.write_text(base64.b64encode(key).decode() + "\n")
    path.chmod(0o600)
    return path


def protector(key: bytes) -> pylibsrtp.Session:
    """A sender's side."""
    return pylibsrtp.Session(
        pylibsrtp.Policy(
            key=key,
            ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        )
    )


def test_only_packets_with_the_key_are_heard(tmp_path: Path) -> None:
    key, wrong = bytes(range(30)), bytes(range(1, 31))
    intake = Intake(16_000)
    to = RtpReceiver(MONO, intake, unprotect_with(key_file(tmp_path, key)))
    ours, theirs = protector(key), protector(wrong)
    first, second = ours.protect(rtp(1)), ours.protect(rtp(2))
    changed = bytearray(second)
    changed[20] ^= 1
    take(to, first, theirs.protect(rtp(2)), bytes(changed), rtp(2), first, second)
    take(to, b"", bytes(70_000))
    assert heard(intake) == [1, 2]
    assert intake.counters.invalid == 6  # a replayed packet among them


def test_no_bytes_upset_srtp(tmp_path: Path) -> None:
    intake = Intake(16_000)
    to = RtpReceiver(MONO, intake, unprotect_with(key_file(tmp_path, bytes(range(30)))))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200))
    def receive(datagram: bytes) -> None:
        take(to, datagram)
        assert not intake.connected

    receive()


@pytest.mark.parametrize("text", ["A" * 39, "A" * 44, "no base64 at all, not at all", "Ä" * 40])
def test_a_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError, match="SRTP key") as refusal:
        unprotect_with(path)
    assert text not in str(refusal.value)
    assert "secrets.token_bytes" in refusal.value.hint


# Sockets.


def wait_for(source: Source, samples: int) -> NDArray[np.float32]:
    """At least so many samples of what arrives."""
    blocks = [np.zeros(0, np.float32)]
    limit = time.monotonic() + LIMIT_SECONDS
    while sum(map(len, blocks)) < samples:
        block = source.read()
        assert block is not None and time.monotonic() < limit
        blocks.append(block)
        time.sleep(0.002)
    return np.concatenate(blocks)


def wait_until(condition: Callable[[], bool]) -> None:
    """Fails if it does not come true."""
    limit = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_rtp_through_a_socket(host: str) -> None:
    source = open_source(InputOptions(rtp=f"{host}:0"))
    assert isinstance(source, DatagramSource)
    with source, socket.socket(socket.AF_INET6 if "[" in host else socket.AF_INET, 2) as sender:
        assert source.label == f"RTP on {host}:{source.port}"
        assert (source.live, source.connected, source.rate) == (True, False, 16_000)
        assert len(wait_for(source, 0)) == 0
        for number in (1, 3, 2, 4):
            sender.sendto(rtp(number), (host.strip("[]"), source.port))
        samples = wait_for(source, 4 * FRAMES)
        assert np.round(samples[::FRAMES] * 2**15).tolist() == [1, 2, 3, 4]
        assert source.connected


@pytest.mark.slow
def test_a_sender_that_falls_silent_and_returns() -> None:
    """Takes the 3 s after which it counts as gone."""
    source = open_source(InputOptions(rtp="127.0.0.1:0"))
    assert isinstance(source, DatagramSource)
    with source, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", source.port))
        sender.send(rtp(1))
        sender.send(rtp(3))
        # The lost packet is waited for only until nothing arrives any more.
        assert np.count_nonzero(wait_for(source, 3 * FRAMES)) == 2 * FRAMES
        assert source.connected
        wait_until(lambda: not source.connected)
        sender.send(rtp(9, ssrc=8))
        wait_for(source, FRAMES)
        assert (source.counters.reconnects, source.connected) == (1, True)
        assert source.counters.dropped == FRAMES


def test_srtp_through_a_socket(tmp_path: Path) -> None:
    key = bytes(range(30))
    options = InputOptions(rtp="127.0.0.1:0", key_file=key_file(tmp_path, key))
    source = open_source(options)
    assert isinstance(source, DatagramSource)
    session = protector(key)
    with source, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", source.port))
        sender.send(rtp(1))  # in the clear
        for number in (1, 2, 3):
            sender.send(session.protect(rtp(number)))
        assert np.round(wait_for(source, 3 * FRAMES)[::FRAMES] * 2**15).tolist() == [1, 2, 3]
        assert source.counters.invalid == 1
        assert source.label.startswith("SRTP on ")


def test_udp_samples_through_a_socket() -> None:
    options = InputOptions(udp="127.0.0.1:0", samples=PcmInput(16_000, 2, "f32le"))
    source = open_source(options)
    assert isinstance(source, DatagramSource)
    with source, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        frames = np.array([[0.5, 0.25], [-0.5, 0.0]], "<f4")
        sender.sendto(frames.tobytes() + b"torn", ("127.0.0.1", source.port))
        assert wait_for(source, 2).tolist() == [0.375, -0.25]
        assert source.counters.invalid == 1
        assert source.connected


def test_udp_listens_to_one_sender_at_a_time() -> None:
    clock, intake = Clock(), Intake(16_000)
    to = UdpReceiver(MONO, intake, clock)
    to.take(b"", "a")
    to.take(b"\x01\x00", "a")
    to.take(b"\x02\x00", "b")
    assert intake.counters.invalid == 1
    clock.now += TAKEOVER_SECONDS
    to.take(b"\x03\x00", "b")
    to.pause()
    to.silence()
    assert not intake.connected
    values = [block for _ in range(6) if (block := intake.read()) is not None and len(block)]
    assert np.round(np.concatenate(values) * 2**15).tolist() == [1, 3]
    assert intake.counters.reconnects == 1


def test_leaving_a_socket_frees_its_port() -> None:
    with open_source(InputOptions(udp="127.0.0.1:0")) as source:
        assert isinstance(source, DatagramSource)
        address = f"127.0.0.1:{source.port}"
        second = open_source(InputOptions(udp=address))
        with pytest.raises(InputError, match="cannot listen") as refusal, second:
            pass
        assert "ss -ulpn" in refusal.value.hint
    with open_source(InputOptions(udp=address)):
        pass


@pytest.mark.parametrize("address", ["0.0.0.0:5004", "192.0.2.1:5004", "[::]:5004", "pi.local:1"])
def test_network_audio_beyond_this_computer_needs_a_key(address: str) -> None:
    with pytest.raises(InputError, match="needs an SRTP key") as refusal:
        open_source(InputOptions(rtp=address))
    assert "token_bytes" in refusal.value.hint
    with pytest.raises(InputError, match="from anybody"):
        open_source(InputOptions(udp=address))
    with pytest.raises(InputError, match="needs a token"):
        open_source(InputOptions(websocket=address))


def test_an_address_of_another_computer_cannot_be_listened_on(tmp_path: Path) -> None:
    options = InputOptions(rtp="192.0.2.1:0", key_file=key_file(tmp_path, bytes(30)))
    with pytest.raises(InputError, match="cannot listen"), open_source(options):
        pass


def test_a_host_without_an_address_is_refused(tmp_path: Path) -> None:
    options = InputOptions(rtp="no-such-host.invalid:5004", key_file=key_file(tmp_path, bytes(30)))
    with pytest.raises(InputError, match="cannot listen for SRTP on"), open_source(options):
        pass


def test_an_unexpected_failure_while_receiving_ends_the_stream_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(UdpReceiver, "take", fail)
    source = open_source(InputOptions(udp="127.0.0.1:0"))
    assert isinstance(source, DatagramSource)
    with source, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"12", ("127.0.0.1", source.port))
        with pytest.raises(AudioDeviceError, match="a fault of ours"):
            wait_until(lambda: source.read() is None)


def test_srtp_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylibsrtp", None)
    with pytest.raises(EnvironmentMissing, match="pylibsrtp") as missing:
        unprotect_with(key_file(tmp_path, bytes(30)))
    assert "edge-ser[srtp]" in missing.value.hint
