"""The exponential mean of uneven readings, and the personal baseline."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.stream.meaning.baseline import STRETCHES, Baseline
from edge_ser.stream.meaning.smoothing import FORGOTTEN_AFTER, Smoother

values_within_range = st.floats(-0.5, 1.5, width=32)


def three(value: float) -> NDArray[np.float32]:
    """(3,) of one value."""
    return np.full(3, value, np.float32)


def test_the_first_reading_is_its_own_mean() -> None:
    np.testing.assert_array_equal(
        Smoother(3).update(17.0, np.array([0.1, 0.5, 0.9], np.float32)),
        np.array([0.1, 0.5, 0.9], np.float32),
    )


@pytest.mark.parametrize("hop", [0.05, 0.25, 1.0])
def test_a_step_is_followed_by_63_percent_after_one_time_constant(hop: float) -> None:
    smoother, seconds = Smoother(4.0), 4.0
    t = 0.0
    while t < 10 * seconds:
        smoother.update(t, three(0.0))
        t += hop
    end = t - hop + seconds
    while t <= end + 1e-9:
        smoothed = smoother.update(t, three(1.0))
        t += hop
    assert smoothed[0] == pytest.approx(1 - math.exp(-1), abs=0.001)


def test_after_a_young_start_it_is_the_plain_mean() -> None:
    smoother = Smoother(1000.0)
    for t, value in enumerate([0.2, 0.4, 0.9]):
        smoothed = smoother.update(float(t), three(value))
    np.testing.assert_allclose(smoothed, 0.5, atol=1e-3)


def test_a_pause_fades_the_past_and_a_long_one_forgets_it() -> None:
    def after(pause: float) -> float:
        smoother = Smoother(2.0)
        for step in range(100):
            smoother.update(step * 0.25, three(1.0))
        return float(smoother.update(99 * 0.25 + pause, three(0.0))[0])

    assert after(0.25) > after(2.0) > after(2.0 * FORGOTTEN_AFTER) > 0.2
    assert after(2.0 * FORGOTTEN_AFTER + 0.01) == 0.0


def test_reset_and_a_time_that_goes_back_begin_anew() -> None:
    smoother = Smoother(100.0)
    smoother.update(5.0, three(1.0))
    smoother.reset()
    assert smoother.update(5.1, three(0.0))[0] == 0.0
    assert smoother.update(1.0, three(0.7))[0] == np.float32(0.7)


def test_a_value_that_is_no_number_does_not_poison_the_mean() -> None:
    smoother = Smoother(10.0)
    smoother.update(0.0, three(0.5))
    assert np.isnan(smoother.update(1.0, three(np.nan))).all()
    np.testing.assert_allclose(smoother.update(2.0, three(0.5)), 0.5)


@settings(deadline=None)
@given(
    st.floats(0.05, 3600),
    st.lists(st.tuples(st.floats(0, 100), values_within_range), min_size=1, max_size=50),
)
def test_the_mean_stays_within_what_it_has_seen(
    seconds: float, steps: list[tuple[float, float]]
) -> None:
    smoother, t = Smoother(seconds), 0.0
    for step, value in steps:
        t += step
        smoothed = smoother.update(t, three(value))
    seen = [value for _, value in steps]
    assert smoothed.dtype == np.float32
    assert min(seen) - 1e-6 <= smoothed[0] <= max(seen) + 1e-6


def test_the_baseline_is_unknown_until_enough_speech_was_heard() -> None:
    baseline = Baseline(60.0)
    for _ in range(599):
        assert baseline.update(np.array([0.5, 0.4, 0.3], np.float32), 0.1) is None
    change = baseline.update(np.array([0.7, 0.4, 0.2], np.float32), 0.1)
    assert change is not None
    np.testing.assert_allclose(change, [0.2, 0.0, -0.1], atol=1e-6)


def test_the_baseline_does_not_move_once_it_is_learned() -> None:
    baseline = Baseline(10.0)
    for _ in range(40):
        baseline.update(three(0.5), 0.25)
    for _ in range(10_000):
        change = baseline.update(three(0.9), 0.25)
    assert change is not None
    np.testing.assert_allclose(change, 0.4, atol=1e-6)


def test_an_outburst_while_learning_hardly_moves_it() -> None:
    random = np.random.default_rng(0)
    baseline = Baseline(600.0)
    for step in range(2400):
        outburst = 500 <= step < 900
        value = 1.0 if outburst else 0.5 + 0.05 * random.standard_normal()
        change = baseline.update(three(value), 0.25)
    assert change is not None
    # The mean would lie at 0.58.
    assert float(three(value)[0] - change[0]) == pytest.approx(0.5, abs=0.02)


def test_windows_without_news_and_without_numbers_teach_nothing() -> None:
    baseline = Baseline(10.0)
    for _ in range(100):
        assert baseline.update(three(0.5), 0.0) is None
        assert baseline.update(three(np.nan), 1.0) is None
    assert baseline.update(three(0.5), 10.0) is not None


def test_memory_is_bounded_for_the_longest_baseline() -> None:
    baseline = Baseline(86_400.0)
    tracemalloc.start()
    try:
        for _ in range(100_000):
            baseline.update(three(0.5), 0.86)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < STRETCHES * 1000


@settings(deadline=None)
@given(st.lists(values_within_range, min_size=1, max_size=60), st.floats(0.05, 20))
def test_the_baseline_lies_within_what_it_was_taught(taught: list[float], hop: float) -> None:
    baseline = Baseline(10.0)
    for value in taught:
        change = baseline.update(three(value), hop)
    if change is None:
        assert hop * len(taught) < 10.0
    else:
        usual = np.float32(taught[-1]) - change[0]
        assert min(taught) - 1e-6 <= usual <= max(taught) + 1e-6
