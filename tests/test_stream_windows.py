"""Ring buffer, resampler, levels and the window scheduler."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.analysis.windows import Window, WindowScheduler
from edge_ser.stream.capture import level
from edge_ser.stream.capture.resampler import StreamResampler
from edge_ser.stream.capture.ring import RingBuffer

RAMP: NDArray[np.float32] = np.arange(200_000, dtype=np.float32)


def scheduled(
    signal: NDArray[np.float32], cuts: list[int], window: float, hop: float
) -> list[Window]:
    """All windows of a signal that arrives in blocks of the given sizes, then the rest."""
    scheduler = WindowScheduler(window, hop)
    windows, at = [], 0
    for size in [*cuts, len(signal)]:
        windows += list(scheduler.feed(signal[at : at + size]))
        at += size
    rest = scheduler.flush()
    return windows if rest is None else [*windows, rest]


def test_windows_end_at_hops_and_grow_until_full() -> None:
    windows = scheduled(RAMP[:112_000], [], window=5.0, hop=0.5)
    assert [w.end for w in windows] == list(range(16_000, 112_001, 8_000))
    assert [w.partial for w in windows] == [True] * 8 + [False] * 5
    for window in windows:
        assert window.start == max(0, window.end - 80_000)
        np.testing.assert_array_equal(window.samples, RAMP[window.start : window.end])


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 30_000), max_size=12),
    total=st.integers(0, 60_000),
    window=st.sampled_from([0.5, 0.7, 1.0, 2.5]),
    hop=st.sampled_from([0.05, 0.25, 0.5, 3.0]),
)
def test_windows_do_not_depend_on_the_blocks(
    cuts: list[int], total: int, window: float, hop: float
) -> None:
    whole = scheduled(RAMP[:total], [], window, hop)
    pieces = scheduled(RAMP[:total], cuts, window, hop)
    assert [(w.start, w.end, w.partial) for w in whole] == [
        (w.start, w.end, w.partial) for w in pieces
    ]
    for one in pieces:
        np.testing.assert_array_equal(one.samples, RAMP[one.start : one.end])
        assert 8_000 <= len(one.samples) <= window * 16_000
    assert (not pieces) == (total < 8_000)
    if pieces:
        assert pieces[-1].end == total


def test_no_window_reaches_across_a_gap() -> None:
    scheduler = WindowScheduler(1.0, 0.5)
    before = list(scheduler.feed(RAMP[:20_000]))
    assert [(w.start, w.end) for w in before] == [(0, 16_000)]
    scheduler.reset()
    after = list(scheduler.feed(RAMP[20_000:45_000]))
    assert [(w.start, w.end, w.partial) for w in after] == [(24_000, 40_000, False)]
    np.testing.assert_array_equal(after[0].samples, RAMP[24_000:40_000])
    scheduler.reset()
    assert scheduler.flush() is None


def test_the_callers_block_may_be_reused() -> None:
    scheduler = WindowScheduler(0.5, 0.5)
    block = np.ones(5_000, dtype=np.float32)
    assert not list(scheduler.feed(block))
    block[:] = 7
    (window,) = scheduler.feed(np.ones(3_000, dtype=np.float32))
    assert window.samples.max() == 1


@pytest.mark.parametrize(
    ("window", "hop"), [(0.4, 0.5), (61, 0.5), (5, 0.01), (5, 61), (float("nan"), 0.5)]
)
def test_impossible_windows_are_refused(window: float, hop: float) -> None:
    with pytest.raises(InputError, match="not supported"):
        WindowScheduler(window, hop)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 40), st.just(-1)), max_size=40))
def test_ring_is_a_bounded_queue(steps: list[int]) -> None:
    """Writes of n frames and reads (-1), against a list."""
    ring, at = RingBuffer(32, 2), 0
    model: list[float] = []
    for step in steps:
        if step < 0:
            np.testing.assert_array_equal(ring.read()[:, 0], model)
            model = []
            continue
        frames = np.repeat(RAMP[at : at + step, None], 2, axis=1)
        written = ring.write(frames)
        assert written == min(step, 32 - len(model))
        model += list(RAMP[at : at + written])
        at += step
    assert len(ring) == len(model)


def test_ring_between_two_threads_keeps_order_and_counts_what_it_refused() -> None:
    ring, refused = RingBuffer(1_000, 1), 0
    heard: list[NDArray[np.float32]] = []
    writing = threading.Event()
    writing.set()

    def write() -> None:
        nonlocal refused
        for at in range(0, len(RAMP), 100):
            refused += 100 - ring.write(RAMP[at : at + 100, None])
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
    signal = np.concatenate(heard)[:, 0]
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
