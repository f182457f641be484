"""Which clips to calibrate on: a greedy k-centre cover of the teacher-label space.

Every candidate is a point (arousal, dominance, valence, level in dB), each axis divided by
its standard deviation. The first choice is the point farthest from the mean, each further
one the point farthest from all chosen ones (Gonzalez 1985; at most twice the best possible
covering radius). Extremes come first, so that min-max ranges hold for extreme speech too.
No speaker gives more than twice an equal share while others still have clips.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_ser.errors import InputError

DEFAULT_COUNT = 64


def select(
    labels: ArrayLike,
    speakers: Sequence[str],
    levels_db: ArrayLike,
    count: int = DEFAULT_COUNT,
    seed: int = 0,
) -> list[int]:
    """Indices of the chosen clips, in the order of choice.

    Args:
        labels: (n, 3) arousal, dominance, valence by the teacher.
        speakers: (n,) ids; '' is unknown, and such clips are never capped.
        levels_db: (n,) RMS level in dB.
        count: how many; all clips when there are fewer.
        seed: decides between clips that are equally far.

    Raises:
        InputError: no clips, or lists that do not belong together.
    """
    points = standardised(labels, levels_db)
    if len(speakers) != len(points) or count < 1:
        raise InputError(
            f"selection needs as many speakers as labels and count >= 1, "
            f"not {len(speakers)}, {len(points)} and {count}"
        )
    order = np.random.default_rng(seed).permutation(len(points))
    chosen = _greedy(points[order], [speakers[i] for i in order], min(count, len(points)))
    return [int(order[i]) for i in chosen]


def random_choice(candidates: int, count: int, seed: int) -> list[int]:
    """The baseline that `select` is compared with: clips drawn without replacement."""
    random = np.random.default_rng(seed)
    return [int(i) for i in random.permutation(candidates)[:count]]


def standardised(labels: ArrayLike, levels_db: ArrayLike) -> NDArray[np.float64]:
    """(n, 4) points of zero mean and unit variance; an axis without variance stays zero."""
    adv, level = np.asarray(labels, np.float64), np.asarray(levels_db, np.float64)
    if adv.ndim != 2 or adv.shape[1] != 3 or level.shape != adv.shape[:1] or not len(adv):
        raise InputError(f"selection needs (n, 3) labels and (n,) levels, not {adv.shape}")
    points = np.column_stack([adv, level])
    if not np.isfinite(points).all():
        raise InputError("a label or level of a calibration clip is not a finite number")
    deviation = points.std(axis=0)
    scaled: NDArray[np.float64] = (points - points.mean(axis=0)) / np.where(
        deviation > 0, deviation, 1.0
    )
    return scaled


def covering_radius(points: NDArray[Any], chosen: Sequence[int]) -> float:
    """Distance of the worst-covered point to its nearest chosen one, in standard deviations."""
    return float(_distance_to_nearest(points, points[list(chosen)]).max())


def mean_distance(points: NDArray[Any], chosen: Sequence[int]) -> float:
    """Mean distance of all points to their nearest chosen one, in standard deviations."""
    return float(_distance_to_nearest(points, points[list(chosen)]).mean())


def _distance_to_nearest(points: NDArray[Any], centres: NDArray[Any]) -> NDArray[np.float64]:
    nearest = np.full(len(points), np.inf)
    for centre in centres:
        nearest = np.minimum(nearest, np.linalg.norm(points - centre, axis=1))
    return nearest


def _greedy(points: NDArray[np.float64], speakers: Sequence[str], count: int) -> list[int]:
    known = len({speaker for speaker in speakers if speaker})
    cap = math.ceil(2 * count / known) if known else count
    distance = np.linalg.norm(points, axis=1)
    taken: Counter[str] = Counter()
    chosen: list[int] = []
    free = np.ones(len(points), dtype=bool)
    while len(chosen) < count:
        capped = np.array([bool(s) and taken[s] >= cap for s in speakers])
        open_now = free & ~capped
        if not open_now.any():
            cap += 1
            continue
        pick = int(np.argmax(np.where(open_now, distance, -1.0)))
        new = np.linalg.norm(points - points[pick], axis=1)
        # The first pick's distance was to the mean, which is no chosen clip.
        distance = np.minimum(distance, new) if chosen else new
        chosen.append(pick)
        taken[speakers[pick]] += 1
        free[pick] = False
    return chosen
