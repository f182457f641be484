"""Fitting the curves of `edge_ser.stream.meaning.curves` to readings that were right or wrong.

Logistic regression on piecewise linear curves, by maximum likelihood with a small quadratic
penalty on their steps. Curves of `RISING` evidence may not fall: chance in the data must not
make a stream more confident because it hears less speech or more noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.stream.meaning.curves import Curve, Curves
from edge_ser.stream.meaning.evidence import FEATURES, RISING

STRETCHES = 6
"""Pieces of a curve at most; they hold about as many readings each."""

PENALTY = 5.0
_RIDGE = 1e-6
_MOST_STEPS = 50
_CONVERGED = 1e-9


def fit(
    known: NDArray[np.float64],
    right: NDArray[np.bool_],
    features: Sequence[str],
    rising: Sequence[str] = RISING,
) -> Curves:
    """The most likely curves.

    Args:
        known: (rows, len(FEATURES)); finite where `features` are concerned.
        right: (rows, 3).
        features: evidence to use; what is the same in all rows is left out.
        rising: evidence whose curve may not fall.
    """
    used, knots = [], []
    for name in features:
        found = knots_of(known[:, FEATURES.index(name)])
        if len(found) > 1:
            used.append(name)
            knots.append(found)
    columns = [
        ramp_columns(known[:, FEATURES.index(name)], edges)
        for name, edges in zip(used, knots, strict=True)
    ]
    bounded = np.concatenate(
        [np.full(part.shape[1], name in rising) for name, part in zip(used, columns, strict=True)]
    )
    design = np.concatenate([np.ones((len(known), 1)), *columns], axis=1)
    solved = [_most_likely(design, right[:, index], bounded) for index in range(len(DIMENSIONS))]
    constants = tuple(round(float(weights[0]), 4) for weights in solved)
    at, curves = 1, []
    for name, edges in zip(used, knots, strict=True):
        part = slice(at, at + len(edges) - 1)
        steps = tuple(tuple(round(float(w), 4) for w in weights[part]) for weights in solved)
        curves.append(Curve(name, tuple(map(float, edges)), steps))
        at = part.stop
    return Curves((constants[0], constants[1], constants[2]), tuple(curves))


def knots_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows,) -> the quantiles that a curve bends at, rounded, without repetition."""
    levels = np.linspace(0.02, 0.98, STRETCHES + 1)
    return np.unique(np.round(np.quantile(values, levels), 3))


def ramp_columns(values: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows,) -> (rows, knots - 1), as `curves.ramps` does it for one value."""
    passed: NDArray[np.float64] = (values[:, None] - knots[:-1]) / np.diff(knots)
    return np.clip(passed, 0.0, 1.0)


def confidences(curves: Curves, known: NDArray[np.float64]) -> NDArray[np.float64]:
    """`Curves.of` for many readings: (rows, len(FEATURES)) -> (rows, 3)."""
    logits = np.tile(np.array(curves.constants), (len(known), 1))
    for curve in curves.curves:
        values = known[:, FEATURES.index(curve.feature)]
        logits += ramp_columns(values, np.array(curve.knots)) @ np.array(curve.steps).T
    return 0.5 * (1 + np.tanh(0.5 * logits))


def _most_likely(
    design: NDArray[np.float64], right: NDArray[np.bool_], bounded: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(1 + steps,) weights by Newton's method within bounds; the first one is free of penalty.

    Each step minimises the quadratic model of the loss under the bounds, and is halved until the
    loss falls.
    """
    from scipy.optimize import lsq_linear

    sign = np.where(right, 1.0, -1.0)
    penalty = np.full(design.shape[1], PENALTY)
    penalty[0] = _RIDGE
    lowest = np.concatenate([[-np.inf], np.where(bounded, 0.0, -np.inf)])

    def loss(weights: NDArray[np.float64]) -> float:
        likelihood = np.logaddexp(0, -sign * (design @ weights)).sum()
        return float(likelihood + 0.5 * np.sum(penalty * weights**2))

    weights = np.zeros(design.shape[1])
    now = loss(weights)
    for _ in range(_MOST_STEPS):
        chance = 0.5 * (1 + np.tanh(0.5 * (design @ weights)))
        slope = design.T @ (chance - right) + penalty * weights
        spread = (chance * (1 - chance))[:, None] * design
        root = np.linalg.cholesky(design.T @ spread + np.diag(penalty)).T
        aim = root @ weights - np.linalg.solve(root.T, slope)
        step = lsq_linear(root, aim, bounds=(lowest, np.inf), method="bvls").x - weights
        while (then := loss(weights + step)) > now and np.abs(step).max() > _CONVERGED:
            step = step / 2
        weights, before, now = np.maximum(weights + step, lowest), now, min(then, now)
        if before - now < _CONVERGED * max(1.0, now):
            break
    return weights
