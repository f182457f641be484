"""Raw samples: decoding, and a pipe that can wait or must not."""

from __future__ import annotations

import os
import pty
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.errors import AudioDeviceError, InputError
from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.capture.intake import RING_SECONDS
from edge_ser.stream.capture.pcm import BYTES, LOUDEST, PcmDecoder
from edge_ser.stream.capture.pipe import MOST_BYTES, PcmPipe
from edge_ser.stream.options import PcmFormat, PcmInput

FORMATS = list(BYTES)
LIMIT_SECONDS = 20.0


def encode(samples: NDArray[np.float64], kind: PcmFormat) -> bytes:
    """Samples of any shape, in [-1, 1), written one by one with the standard library."""
    flat = samples.reshape(-1).tolist()
    if kind == "f32le":
        return struct.pack(f"<{len(flat)}f", *flat)
    bits, order = int(kind[1:3]), "big" if kind.endswith("be") else "little"
    return b"".join(
        round(value * 2 ** (bits - 1)).to_bytes(bits // 8, order, signed=True)  # type: ignore[arg-type]
        for value in flat
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_understood(kind: PcmFormat) -> None:
    values = np.array([[0.0, 0.5], [-0.5, -1.0], [0.25, -0.125]])
    counters = CaptureCounters()
    frames = PcmDecoder(PcmInput(16_000, 2, kind), counters).feed(encode(values, kind))
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, values)
    assert counters.invalid == 0


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(FORMATS),
    channels=st.integers(1, 5),
    data=st.binary(max_size=400),
    cuts=st.lists(st.integers(0, 60), max_size=10),
)
def test_any_bytes_give_finite_frames_however_they_are_cut(
    kind: PcmFormat, channels: int, data: bytes, cuts: list[int]
) -> None:
    whole, pieces = CaptureCounters(), CaptureCounters()
    samples = PcmInput(16_000, channels, kind)
    expected = PcmDecoder(samples, whole).feed(data)
    decoder, at, got = PcmDecoder(samples, pieces), 0, []
    for size in [*cuts, len(data)]:
        got.append(decoder.feed(data[at : at + size]))
        at += size
    np.testing.assert_array_equal(np.concatenate(got), expected)
    assert whole.invalid == pieces.invalid
    assert len(expected) == len(data) // (channels * BYTES[kind])
    assert np.isfinite(expected).all()
    assert np.abs(expected).max(initial=0) <= (LOUDEST if kind == "f32le" else 1)
    torn = len(data) % (channels * BYTES[kind]) != 0
    decoder.finish()
    assert pieces.invalid - whole.invalid == torn


def test_floats_that_are_no_audio_become_silence_and_are_counted() -> None:
    counters = CaptureCounters()
    nonsense = np.array([0.5, np.nan, np.inf, -np.inf, 1e30, 1.5], "<f4")
    frames = PcmDecoder(PcmInput(format="f32le"), counters).feed(nonsense.tobytes())
    assert frames[:, 0].tolist() == [0.5, 0, 0, 0, 0, 1.5]
    assert counters.invalid == 4


@contextmanager
def pipe(
    samples: PcmInput | None = None, live: bool = False
) -> Iterator[tuple[PcmPipe, Callable[[bytes], None], Callable[[], None]]]:
    """A source, how to write to it, and how to end it."""
    reading, writing = os.pipe()
    closed = threading.Event()

    def write(data: bytes) -> None:
        while data:
            data = data[os.write(writing, data) :]

    def close() -> None:
        closed.set()
        os.close(writing)

    try:
        with PcmPipe(samples or PcmInput(), live, reading) as source:
            yield source, write, close
    finally:
        os.close(reading)
        if not closed.is_set():
            os.close(writing)


def next_block(source: PcmPipe) -> NDArray[np.float32] | None:
    """Waits for one that is not empty, or for the end."""
    limit = time.monotonic() + LIMIT_SECONDS
    while (block := source.read()) is not None and len(block) == 0:
        assert time.monotonic() < limit
        time.sleep(0.001)
    return block


def everything(source: PcmPipe) -> NDArray[np.float32]:
    """Until the pipe ends."""
    blocks = [np.zeros(0, np.float32)]
    while (block := next_block(source)) is not None:
        blocks.append(block)
    return np.concatenate(blocks)


def test_a_pipe_is_heard_to_its_last_whole_frame() -> None:
    ramp = np.arange(1_000) / 32_768
    with pipe() as (source, write, close):
        assert (source.live, source.connected, source.label) == (False, True, "standard input")
        write(encode(ramp, "s16le")[:333])
        write(encode(ramp, "s16le")[333:] + b"\x01")
        close()
        np.testing.assert_array_equal(everything(source), ramp.astype(np.float32))
        assert source.counters.invalid == 1
        assert source.counters.frames == 1_000
        assert source.read() is None


def test_a_pipe_that_gives_nothing_ends_at_once() -> None:
    with pipe() as (source, _, close):
        close()
        assert len(everything(source)) == 0


def test_a_pipe_that_can_wait_loses_nothing() -> None:
    """Ten times as much as the buffer holds, written as fast as it is taken."""
    seconds = 10 * round(RING_SECONDS)
    second = np.random.default_rng(0).integers(-9_000, 9_000, 16_000).astype("<i2")
    with pipe() as (source, write, close):

        def send() -> None:
            for number in range(seconds):
                write(np.roll(second, number).tobytes())
            close()

        sender = threading.Thread(target=send)
        sender.start()
        limit = time.monotonic() + LIMIT_SECONDS
        while source.counters.frames < 16_000 * RING_SECONDS - MOST_BYTES:
            assert time.monotonic() < limit
            time.sleep(0.001)
        assert sender.is_alive()  # the buffer is full and nobody reads: it waits
        received = everything(source)
        sender.join()
    expected = np.concatenate([np.roll(second, number) for number in range(seconds)])
    np.testing.assert_array_equal(received, expected.astype(np.float32) / 2**15)
    assert source.counters.dropped == 0


def test_a_live_pipe_never_lets_the_sender_wait() -> None:
    with pipe(live=True) as (source, write, close):
        assert source.live
        written = 3 * round(RING_SECONDS) * 16_000
        write(bytes(2 * written))  # returns although nobody reads
        close()
        received = everything(source)
        assert source.counters.frames == written
        assert len(received) + source.counters.dropped == written
        assert source.counters.dropped > 0


def test_leaving_a_pipe_does_not_wait_for_its_sender() -> None:
    for live in (False, True):
        with pipe(live=live) as (source, write, _):
            write(bytes(3_200))
            assert next_block(source) is not None
        with pipe(live=live) as (source, _, _):
            assert source.read() is not None


def test_leaving_a_full_pipe_does_not_hang() -> None:
    reading, writing = os.pipe()

    def send() -> None:
        with suppress(BrokenPipeError):
            while True:
                os.write(writing, bytes(65_536))

    sender = threading.Thread(target=send)
    sender.start()
    with PcmPipe(PcmInput(), False, reading) as source:
        assert next_block(source) is not None
    os.close(reading)
    sender.join(LIMIT_SECONDS)
    assert not sender.is_alive()
    os.close(writing)


def test_a_pipe_at_another_rate_is_resampled_with_its_tail() -> None:
    import soxr

    signal = np.random.default_rng(0).uniform(-0.5, 0.5, (44_100, 2))
    with pipe(PcmInput(44_100, 2, "f32le")) as (source, write, close):

        def send() -> None:
            write(encode(signal, "f32le"))
            close()

        sender = threading.Thread(target=send)
        sender.start()
        received = everything(source)
        sender.join()
        assert source.rate == 44_100
    mono = signal.astype(np.float32).mean(axis=1)
    np.testing.assert_array_equal(received, soxr.resample(mono, 44_100, 16_000))


def test_a_terminal_is_no_pipe() -> None:
    terminal, end = pty.openpty()
    try:
        with pytest.raises(InputError, match="terminal"):
            PcmPipe(PcmInput(), False, end)
    finally:
        os.close(terminal)
        os.close(end)


def test_a_descriptor_that_cannot_be_read_is_an_error() -> None:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        with (
            PcmPipe(PcmInput(), False, descriptor) as source,
            pytest.raises(InputError, match="cannot be read"),
        ):
            everything(source)
    finally:
        os.close(descriptor)


def test_an_unexpected_failure_of_reading_is_an_error_and_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: PcmDecoder, data: bytes) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(PcmDecoder, "feed", fail)
    with (
        pipe() as (source, write, _),
        pytest.raises(AudioDeviceError, match="a fault of ours"),
    ):
        write(bytes(2))
        everything(source)
