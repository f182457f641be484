"""Ring buffer, resampler, levels, and the intake that joins them."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.errors import AudioDeviceError, EnvironmentMissing
from edge_ser.stream.capture import level
from edge_ser.stream.capture.intake import MOST_SEGMENTS, RING_SECONDS, Intake
from edge_ser.stream.capture.resampler import StreamResampler
from edge_ser.stream.capture.ring import RingBuffer

RAMP: NDArray[np.float32] = np.arange(200_000, dtype=np.float32)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 40), st.just(-1)), max_size=40))
def test_ring_is_a_bounded_queue(steps: list[int]) -> None:
    """Writes of n frames and reads (-1), against a list."""
    ring, at = RingBuffer(32), 0
    model: list[float] = []
    for step in steps:
        if step < 0:
            np.testing.assert_array_equal(ring.read(), model)
            model = []
            continue
        written = ring.write(RAMP[at : at + step])
        assert written == min(step, 32 - len(model))
        model += list(RAMP[at : at + written])
        at += step
    assert len(ring) == len(model)


def test_ring_between_two_threads_keeps_order_and_counts_what_it_refused() -> None:
    ring, refused = RingBuffer(1_000), 0
    heard: list[NDArray[np.float32]] = []
    writing = threading.Event()
    writing.set()

    def write() -> None:
        nonlocal refused
        for at in range(0, len(RAMP), 100):
            refused += 100 - ring.write(RAMP[at : at + 100])
        writing.clear()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        writer = threading.Thread(target=write)
        writer.start()
        while writing.is_set():
            heard.append(ring.read())
        writer.join()
    finally:
        sys.setswitchinterval(interval)
    heard.append(ring.read())
    signal = np.concatenate(heard)
    assert len(signal) + refused == len(RAMP)
    assert (np.diff(signal) > 0).all()


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_resampling_a_stream_equals_resampling_the_whole(rate: int) -> None:
    random = np.random.default_rng(rate)
    signal = random.standard_normal(rate).astype(np.float32)
    resampler, pieces, at = StreamResampler(rate), [], 0
    while at < len(signal):
        size = int(random.integers(1, 3_000))
        pieces.append(resampler.push(signal[at : at + size]))
        at += size
    pieces.append(resampler.push(np.zeros(0, dtype=np.float32), last=True))
    np.testing.assert_array_equal(np.concatenate(pieces), soxr.resample(signal, rate, 16_000))


def test_sixteen_kilohertz_needs_no_resampler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    assert StreamResampler(16_000).push(RAMP) is RAMP
    with pytest.raises(EnvironmentMissing, match="44100 Hz needs soxr"):
        StreamResampler(44_100)


def test_levels() -> None:
    time = np.arange(16_000) / 16_000
    sine = np.sin(2 * np.pi * 100 * time).astype(np.float32)
    assert level.rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert level.peak_dbfs(np.float32(0.5) * sine) == pytest.approx(-6.02, abs=0.01)
    assert level.rms_dbfs(np.zeros(10, dtype=np.float32)) == level.FLOOR_DBFS
    assert level.peak_dbfs(np.zeros(0, dtype=np.float32)) == level.FLOOR_DBFS
    assert level.count_clipped(np.array([1, -1, 0.9, 32767 / 32768], dtype=np.float32)) == 3


def test_ring_gives_the_oldest_first_when_less_is_asked_for() -> None:
    ring = RingBuffer(10)
    ring.write(RAMP[:8])
    assert ring.read(5).tolist() == [0, 1, 2, 3, 4]
    assert ring.write(RAMP[8:20]) == 7
    assert ring.room == 0
    assert ring.read(100).tolist() == list(range(5, 15))


def heard(intake: Intake) -> NDArray[np.float32]:
    """Everything that waits."""
    blocks = []
    while (block := intake.read()) is not None and len(block):
        blocks.append(block)
    return np.concatenate([np.zeros(0, np.float32), *blocks])


def test_intake_mixes_counts_and_resamples() -> None:
    random = np.random.default_rng(0)
    signal = random.uniform(-0.5, 0.5, (48_000 * 3, 2)).astype(np.float32)
    signal[100] = 1.0
    intake = Intake(16_000)
    assert len(heard(intake)) == 0
    assert (intake.connected, intake.rate) == (False, 16_000)
    intake.begin(48_000)
    assert (intake.connected, intake.rate) == (True, 48_000)
    for at in range(0, len(signal), 1_000):
        intake.write(signal[at : at + 1_000])
    intake.close()
    assert (intake.connected, intake.rate) == (False, 48_000)
    expected = soxr.resample(signal.mean(axis=1), 48_000, 16_000)
    np.testing.assert_array_equal(heard(intake), expected)
    assert intake.read() is None
    assert vars(intake.counters) == {
        "frames": len(signal),
        "clipped": 2,
        **dict.fromkeys(("dropped", "overflows", "reconnects", "gaps", "invalid"), 0),
    }


def test_a_block_is_about_a_second_at_most() -> None:
    intake = Intake(8_000)
    intake.begin(8_000)
    intake.write(np.zeros((30_000, 1), np.float32))
    sizes = [len(block) for _ in range(5) if (block := intake.read()) is not None]
    assert max(sizes) < 17_000
    assert sum(sizes) > 59_000  # the resampler keeps a few milliseconds


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([8_000, 16_000, 48_000]), st.integers(0, 3_000)),
        min_size=1,
        max_size=MOST_SEGMENTS,
    )
)
def test_no_block_spans_an_interruption(segments: list[tuple[int, int]]) -> None:
    """Each segment is a constant of its own; soxr rings at its edges, never into another one."""
    intake = Intake(16_000)
    for number, (rate, frames) in enumerate(segments, 1):
        intake.begin(rate)
        intake.write(np.full((frames, 1), number, np.float32))
    intake.close()
    blocks: dict[int, list[NDArray[np.float32]]] = {}
    while (block := intake.read()) is not None:
        blocks.setdefault(intake.counters.reconnects, []).append(block)
    filled = [(n, rate, frames) for n, (rate, frames) in enumerate(segments, 1) if frames]
    assert len(blocks) == max(1, len(filled)) or not filled
    assert intake.counters.reconnects == max(0, len(filled) - 1)
    for order, (number, rate, frames) in enumerate(filled):
        whole = np.full(frames, number, np.float32)
        expected = whole if rate == 16_000 else soxr.resample(whole, rate, 16_000)
        np.testing.assert_array_equal(np.concatenate(blocks[order]), expected)


def test_reconnects_rise_when_the_reader_gets_there_and_not_before() -> None:
    intake = Intake(16_000)
    intake.begin(16_000)
    intake.write(np.ones((10, 1), np.float32))
    intake.begin(16_000)
    intake.begin(16_000)  # it opened and gave nothing
    intake.begin(16_000)
    intake.write(np.full((10, 1), 2, np.float32))
    assert intake.counters.reconnects == 0
    assert heard(intake).tolist() == [1] * 10
    assert intake.counters.reconnects == 0
    assert heard(intake).tolist() == [2] * 10
    assert intake.counters.reconnects == 1


def test_a_reader_that_is_away_costs_bounded_memory_and_is_counted() -> None:
    intake = Intake(16_000)
    most = round(16_000 * RING_SECONDS)
    for number in range(1, MOST_SEGMENTS + 3):
        intake.begin(16_000)
        for _ in range(11):
            intake.write(np.full((16_000, 1), number, np.float32))
    assert intake.counters.dropped == (MOST_SEGMENTS + 2) * 16_000 + 2 * most
    kept = np.concatenate([heard(intake) for _ in range(MOST_SEGMENTS)])
    assert len(kept) == MOST_SEGMENTS * most
    assert kept[0] == 3 and kept[-1] == MOST_SEGMENTS + 2  # the oldest segments went


def test_silence_for_what_was_lost_or_never_sent() -> None:
    intake = Intake(16_000)
    intake.fill(100, lost=True)  # no segment: nothing to keep true
    intake.begin(16_000)
    intake.write(np.ones((10, 1), np.float32))
    intake.fill(5, lost=True)
    intake.fill(3, lost=False)
    intake.write(np.ones((2, 1), np.float32))
    assert heard(intake).tolist() == [1] * 10 + [0] * 8 + [1] * 2
    assert (intake.counters.frames, intake.counters.dropped) == (12, 5)


def test_what_arrived_before_a_failure_is_still_heard() -> None:
    intake = Intake(16_000)
    intake.begin(16_000)
    intake.write(np.ones((10, 1), np.float32))
    intake.close(AudioDeviceError("gone"))
    intake.write(np.ones((10, 1), np.float32))  # nobody listens any more
    assert heard(intake).tolist() == [1] * 10
    with pytest.raises(AudioDeviceError, match="gone"):
        intake.read()


def test_intake_between_two_threads_loses_nothing_when_the_writer_waits() -> None:
    intake, signal = Intake(16_000), RAMP
    intake.begin(16_000)

    def write() -> None:
        for _ in range(5):
            for at in range(0, len(signal), 8_000):
                while not intake.wait_for_room(8_000, 0.5):
                    pass
                intake.write(signal[at : at + 8_000, None])
        intake.close()

    writer = threading.Thread(target=write)
    writer.start()
    blocks = []
    while (block := intake.read()) is not None:
        blocks.append(block)
    writer.join()
    np.testing.assert_array_equal(np.concatenate(blocks), np.tile(signal, 5))
    assert intake.counters.dropped == 0
