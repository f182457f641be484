"""The window scheduler."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.errors import InputError
from edge_ser.stream.analysis.windows import Window, WindowScheduler

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
    assert [(w.start, w.end, w.partial) for w in after] == [
        (20_000, 36_000, False),
        (28_000, 44_000, False),
    ]
    np.testing.assert_array_equal(after[0].samples, RAMP[20_000:36_000])
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
