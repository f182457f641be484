"""Votes of several listeners for categories become one soft A/D/V target.

With v[e] votes for emotion e of E (each modality's votes times that modality's weight), N their
sum, a pseudo-votes of smoothing and t[e] the emotion's point (`emotion_targets.adv_target`):

    p[e]   = (v[e] + a / E) / (N + a)
    target = sum over e of p[e] * t[e]

The smoothing is a symmetric Dirichlet prior worth `a` votes in all: few votes are trusted less
than many, and no clip gets the point of one emotion exactly. a = 0 takes the votes as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_ser import DIMENSIONS
from edge_ser.errors import InputError
from edge_ser.teachers.emotion_targets import adv_target

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
MODALITIES = ("voice", "face", "multimodal")
VOTE_COLUMNS = ("voted", "votes", "agreement")

Votes = Mapping[str, Mapping[str, float]]
"""Of one clip: modality -> emotion -> number of listeners who chose it."""


@dataclass(frozen=True)
class VoteRule:
    """How votes become a target.

    Attributes:
        weights: modality -> what one of its votes counts; the others' are left out. Who only
            heard the voice judged what a model hears, hence the default.
        smoothing: pseudo-votes, spread evenly over the emotions.
        fewest: weighted votes that a clip needs; with fewer it gets no target.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"voice": 1.0})
    smoothing: float = 1.0
    fewest: float = 3.0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.weights) - set(MODALITIES))
        if unknown:
            raise InputError(
                f"no votes of the kind {', '.join(unknown)}", f"known: {', '.join(MODALITIES)}"
            )
        numbers = (*self.weights.values(), self.smoothing, self.fewest)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise InputError("weights, smoothing and fewest votes must be numbers of at least 0")
        if not any(self.weights.values()):
            raise InputError("every weight of the votes is 0", "e.g. voice=1, multimodal=0.5")


def weighted_counts(votes: Votes, rule: VoteRule) -> dict[str, float]:
    """emotion -> votes over all modalities, each times its weight."""
    return {
        emotion: sum(
            weight * votes.get(modality, {}).get(emotion, 0.0)
            for modality, weight in rule.weights.items()
        )
        for emotion in EMOTIONS
    }


def distribution(votes: Votes, rule: VoteRule) -> dict[str, float]:
    """emotion -> smoothed share, summing to 1.

    Raises:
        InputError: there is not a single vote, and no smoothing.

    Examples:
        >>> shares = distribution({"voice": {"anger": 8, "neutral": 1}}, VoteRule(smoothing=3))
        >>> round(shares["anger"], 4), round(shares["fear"], 4)
        (0.7083, 0.0417)
    """
    counts = weighted_counts(votes, rule)
    total = sum(counts.values()) + rule.smoothing
    if total <= 0:
        raise InputError("no votes to make a target of")
    prior = rule.smoothing / len(EMOTIONS)
    return {emotion: (count + prior) / total for emotion, count in counts.items()}


def soft_target(votes: Votes, rule: VoteRule) -> tuple[float, float, float]:
    """Arousal, dominance, valence in [0, 1], the expected point of the smoothed votes."""
    shares = distribution(votes, rule)
    points = {emotion: adv_target(emotion) for emotion in EMOTIONS}
    arousal, dominance, valence = (
        sum(share * points[emotion][axis] for emotion, share in shares.items()) for axis in range(3)
    )
    return arousal, dominance, valence


def target_fields(votes: Votes, rule: VoteRule) -> dict[str, str]:
    """Manifest columns of one clip: target, and what it rests on.

    Returns:
        `arousal`, `dominance`, `valence` (empty below `rule.fewest` votes); `voted`, the emotion
        with the most weighted votes (empty for a tie); `votes`, their weighted number;
        `agreement`, the share of `voted`, or of the tied, in them.
    """
    counts = weighted_counts(votes, rule)
    total, most = sum(counts.values()), max(counts.values())
    enough = total > 0 and total >= rule.fewest
    target = soft_target(votes, rule) if enough else None
    first = [emotion for emotion, count in counts.items() if count == most]
    fields = {name: f"{target[axis]:.4f}" if target else "" for axis, name in enumerate(DIMENSIONS)}
    return fields | {
        "voted": first[0] if total > 0 and len(first) == 1 else "",
        "votes": f"{total:g}",
        "agreement": f"{most / total:.4f}" if total > 0 else "",
    }
