"""Confidence as a sum of curves: a generalised additive logistic model, small enough to read.

The logit of each dimension is a constant and one piecewise linear curve per piece of evidence,
flat beyond its outermost knots: evidence such as was never seen cannot push it further.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.errors import InputError
from edge_ser.stream.meaning.evidence import FEATURES

MOST_KNOTS = 32
_LARGEST = 1e3


@dataclass(frozen=True)
class Curve:
    """What one piece of evidence adds.

    Attributes:
        feature: its name, of `FEATURES`.
        knots: increasing, 2 to 32.
        steps: per dimension, by how much the logit changes from knot to knot.
    """

    feature: str
    knots: tuple[float, ...]
    steps: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if self.feature not in FEATURES:
            raise InputError(f"there is no evidence {self.feature!r:.80}")
        if not 2 <= len(self.knots) <= MOST_KNOTS or not _increasing(self.knots):
            raise InputError(
                f"the knots of {self.feature} are not 2 to {MOST_KNOTS} rising numbers"
            )
        if [len(steps) for steps in self.steps] != [len(self.knots) - 1] * len(DIMENSIONS):
            raise InputError(f"{self.feature} has not one step between two knots per dimension")
        if any(abs(number) > _LARGEST for steps in self.steps for number in steps):
            raise InputError(f"{self.feature} has a step beyond {_LARGEST:g}")


@dataclass(frozen=True)
class Curves:
    """One model for the three dimensions.

    Attributes:
        constants: logit of each dimension where all curves begin.
        curves: one per piece of evidence.
    """

    constants: tuple[float, float, float]
    curves: tuple[Curve, ...]

    def __post_init__(self) -> None:
        names = [curve.feature for curve in self.curves]
        if not names or len(set(names)) != len(names):
            raise InputError("a confidence model needs curves, each of another evidence")
        if any(abs(number) > _LARGEST for number in self.constants):
            raise InputError(f"a confidence model has a constant beyond {_LARGEST:g}")

    @property
    def features(self) -> tuple[str, ...]:
        """Evidence that it asks for."""
        return tuple(curve.feature for curve in self.curves)

    def of(self, known: Mapping[str, float]) -> NDArray[np.float64]:
        """Evidence by name -> (3,) confidences, 0..1."""
        logits = np.array(self.constants)
        for curve in self.curves:
            logits = logits + np.array(curve.steps) @ ramps(known[curve.feature], curve.knots)
        return np.array([_logistic(float(logit)) for logit in logits])


def ramps(value: float, knots: tuple[float, ...]) -> NDArray[np.float64]:
    """How far each stretch between two knots has been passed, 0..1: (knots - 1,).

    Examples:
        >>> ramps(1.5, (0.0, 1.0, 2.0, 3.0)).tolist()
        [1.0, 0.5, 0.0]
    """
    edges = np.array(knots)
    passed: NDArray[np.float64] = np.clip((value - edges[:-1]) / np.diff(edges), 0.0, 1.0)
    return passed


def _increasing(knots: tuple[float, ...]) -> bool:
    return all(a < b and b - a > 1e-9 for a, b in itertools.pairwise(knots))


def _logistic(logit: float) -> float:
    return 0.5 * (1 + math.tanh(0.5 * logit))
