"""Does the level or the length of a clip give its class away?

Recordings of acted emotion often differ in level, because each file was normalised or because
anger is loud, and in length, because some classes were cut or some sentences are longer. A
model may then score well by either and learn nothing about voices.

Per trait: eta squared, the share of its variance that lies between the classes (one-way ANOVA's
effect size; 0.06 is a medium and 0.14 a large effect, Cohen 1988, "Statistical Power Analysis
for the Behavioral Sciences"), with the chance that shuffled classes reach as much; and for each
class the AUC of the trait against all other classes. Of both traits together: how often they
name the class of an unheard speaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MEDIUM_EFFECT = 0.06
SMALL_CHANCE = 0.01
_SHUFFLES = 999
_FLOOR = 1e-6
"""Least spread of a class, in units of the whole spread: a class of equal values has none."""


@dataclass(frozen=True)
class Leak:
    """How much one trait says about the class.

    Attributes:
        trait: level or duration.
        eta_squared: in [0, 1].
        chance: that shuffled classes reach as large an eta squared.
        auc: class -> chance that one of its clips exceeds one of another class.
    """

    trait: str
    eta_squared: float
    chance: float
    auc: dict[str, float]

    @property
    def leaks(self) -> bool:
        """At least a medium effect that chance does not explain."""
        return self.eta_squared >= MEDIUM_EFFECT and self.chance <= SMALL_CHANCE


def leak_of(trait: str, values: NDArray[np.float64], classes: Sequence[str], seed: int = 0) -> Leak:
    """What a trait says about the class.

    Args:
        trait: its name.
        values: (clips,) finite.
        classes: (clips,) at least two different ones.
        seed: of the shuffles.
    """
    names, index = np.unique(np.array(classes), return_inverse=True)
    found = eta_squared(values, index)
    random = np.random.default_rng(seed)
    reached = sum(
        eta_squared(values, random.permutation(index)) >= found - 1e-12 for _ in range(_SHUFFLES)
    )
    areas = {
        str(name): _auc(values[index == number], values[index != number])
        for number, name in enumerate(names)
    }
    return Leak(trait, found, (1 + reached) / (1 + _SHUFFLES), areas)


def eta_squared(values: NDArray[np.float64], index: NDArray[np.intp]) -> float:
    """Share of the values' variance between the groups of `index`; 0 for constant values.

    Examples:
        >>> eta_squared(np.array([1.0, 3.0, 5.0, 7.0]), np.array([0, 0, 1, 1]))
        0.8
    """
    centred = values - values.mean()
    whole = float(centred @ centred)
    if whole <= 1e-12 * max(1.0, float(values @ values)):
        return 0.0
    counts = np.bincount(index)
    sums = np.bincount(index, weights=centred)
    used = counts > 0
    return float((sums[used] ** 2 / counts[used]).sum() / whole)


def _auc(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """As `edge_ser.metrics.auc`, without its scipy, which reading datasets does not need."""
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, "left") + np.searchsorted(ordered, inside, "right")
    return float(below.mean() / 2 / len(ordered))


@dataclass(frozen=True)
class Guess:
    """Balanced accuracy (mean recall of the classes) of traits alone, and that of guessing."""

    recall: float
    by_chance: float


def guess_from_traits(
    traits: NDArray[np.float64], classes: Sequence[str], speakers: Sequence[str]
) -> Guess | None:
    """A Gaussian naive Bayes classifier on the traits, each speaker left out in turn.

    Args:
        traits: (clips, traits).
        classes, speakers: (clips,).

    Returns:
        None with fewer than two speakers or classes: nobody can be left out.
    """
    names, index = np.unique(np.array(classes), return_inverse=True)
    voices = np.array(speakers)
    if len(np.unique(voices)) < 2 or len(names) < 2:
        return None
    guesses = np.full(len(index), -1)
    for speaker in np.unique(voices):
        held = voices == speaker
        guesses[held] = _bayes(traits[~held], index[~held], traits[held])
    recalls = [float((guesses[index == number] == number).mean()) for number in range(len(names))]
    return Guess(float(np.mean(recalls)), 1 / len(names))


def _bayes(
    known: NDArray[np.float64], index: NDArray[np.intp], unknown: NDArray[np.float64]
) -> NDArray[np.intp]:
    """(unknown,) the likeliest class, all classes equally likely beforehand."""
    present = np.unique(index)
    least = _FLOOR * (known.std(axis=0) + _FLOOR)
    scores = []
    for number in present:
        members = known[index == number]
        spread = np.maximum(members.std(axis=0), least)
        distance = (unknown - members.mean(axis=0)) / spread
        scores.append(-(distance**2 / 2 + np.log(spread)).sum(axis=1))
    likeliest: NDArray[np.intp] = present[np.argmax(np.array(scores), axis=0)]
    return likeliest
