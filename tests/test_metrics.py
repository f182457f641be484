"""Agreement measures against values worked out by hand, and their edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_ser.metrics import auc, bootstrap_over_groups, ccc, error_percentile, mae, max_error, pcc

TRUTH = [0.0, 1.0, 2.0, 3.0]
SHIFTED = [1.0, 2.0, 3.0, 4.0]
values = st.lists(
    st.floats(-10, 10).map(lambda value: round(value, 3)), min_size=3, max_size=30, unique=True
)


def test_ccc_by_hand() -> None:
    # Variance 1.25 on both sides, covariance 1.25, means one apart: 2.5 / (2.5 + 1).
    assert ccc(TRUTH, SHIFTED) == pytest.approx(2.5 / 3.5)
    assert pcc(TRUTH, SHIFTED) == pytest.approx(1.0)


def test_ccc_of_the_whole_is_not_the_mean_of_batches() -> None:
    truth = np.array([0.0, 0.1, 1.0, 1.1])
    prediction = np.array([0.1, 0.0, 1.1, 1.0])
    batches = [ccc(truth[:2], prediction[:2]), ccc(truth[2:], prediction[2:])]
    assert np.mean(batches) == pytest.approx(-1.0)
    assert ccc(truth, prediction) > 0.97


@pytest.mark.parametrize("measure", [ccc, pcc])
def test_constant_predictions_give_zero_with_a_warning(measure: object) -> None:
    with pytest.warns(UserWarning, match="constant"):
        assert measure(TRUTH, [0.5] * 4) == 0.0  # type: ignore[operator]


def test_errors_by_hand() -> None:
    assert mae(TRUTH, [0.0, 1.0, 2.0, 5.0]) == 0.5
    assert max_error(TRUTH, [0.0, 1.0, 2.0, 1.0]) == 2.0
    assert error_percentile([0.0] * 101, list(np.arange(101.0)), 99) == pytest.approx(99.0)


@pytest.mark.parametrize("pair", [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])])
def test_unequal_or_empty_vectors_are_refused(pair: tuple[list[float], list[float]]) -> None:
    for measure in (ccc, pcc, mae, max_error):
        with pytest.raises(ValueError, match="non-empty"):
            measure(*pair)


@given(values)
def test_ccc_bounds_and_symmetry(truth: list[float]) -> None:
    prediction = list(reversed(truth))
    assert ccc(truth, truth) == pytest.approx(1.0)
    assert ccc(truth, prediction) == pytest.approx(ccc(prediction, truth))
    assert abs(ccc(truth, prediction)) <= abs(pcc(truth, prediction)) + 1e-9


def test_auc_counts_ties_half() -> None:
    assert auc([1.0, 2.0], [0.0, 1.0]) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    with pytest.raises(ValueError, match="both sides"):
        auc([], [1.0])


def test_bootstrap_resamples_whole_groups() -> None:
    groups = np.array(["a", "a", "b", "b", "b"])
    counts = bootstrap_over_groups(lambda rows: float(len(rows)), groups, rounds=200, seed=1)
    assert set(counts) <= {4.0, 5.0, 6.0}
    assert len(set(counts)) == 3
