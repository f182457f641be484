"""Is one model better than another? Paired differences with intervals over speakers."""

from __future__ import annotations

import numpy as np

from edge_ser.evaluation.figures import Predictions, Truth, figures_on
from edge_ser.metrics import bootstrap_over_groups

ROUNDS = 1_000


def compare(
    first: Predictions, second: Predictions, truth: Truth, rounds: int = ROUNDS
) -> dict[str, dict[str, float]]:
    """First minus second in every figure of the flat table.

    Both models are scored on the same resampled speakers, so that what is hard for everybody
    cancels.

    Returns:
        figure -> {"first", "second", "difference", "low", "high"}; an interval that does not
        hold 0 tells the models apart. A figure that is better when smaller is named `.mae`.
    """
    ours, theirs = figures_on(first, truth), figures_on(second, truth)
    # What these clips do not give, e.g. a dimension without labels, is left out.
    names = [name for name in ours if not np.isnan(ours[name] - theirs[name])]
    draws = _draws(first, second, truth, names, rounds)
    low, high = np.nanpercentile(draws, [2.5, 97.5], axis=0)
    return {
        name: {
            "first": round(ours[name], 4),
            "second": round(theirs[name], 4),
            "difference": round(ours[name] - theirs[name], 4),
            "low": round(float(low[index]), 4),
            "high": round(float(high[index]), 4),
        }
        for index, name in enumerate(names)
    }


def _draws(
    first: Predictions, second: Predictions, truth: Truth, names: list[str], rounds: int
) -> np.ndarray:
    """(rounds, figures) differences."""
    draws: list[list[float]] = []

    def collect(rows: np.ndarray) -> float:
        ours, theirs = figures_on(first, truth, rows), figures_on(second, truth, rows)
        draws.append([ours[name] - theirs[name] for name in names])
        return 0.0

    bootstrap_over_groups(collect, truth.voices, rounds)
    return np.array(draws)
