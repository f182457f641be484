"""From a category of acted emotion to arousal, dominance, valence.

Two sources are averaged where both exist:

- Russell & Mehrabian (1977), "Evidence for a three-factor theory of emotions", Journal of
  Research in Personality 11(3): mean pleasure, arousal and dominance of the emotion terms,
  in [-1, 1]. "Neutral" is the origin of that space.
- the mean arousal and valence of 46 human ratings of EMO-DB clips in [-1, 1] (one of the 47
  rated clips, 16b09Fb, is left out: its valence of a happy clip is probably a sign error).
  There are none for disgust, and none of dominance.

The mean pulls boredom and sadness to where listeners hear them: Russell & Mehrabian rate
being bored as unpleasant as being sad, listeners hear a bored voice as nearly neutral.
All targets lie inside the ranges of the public test suite for dimensional SER.
"""

from __future__ import annotations

from edge_ser.errors import InputError

RUSSELL_MEHRABIAN: dict[str, tuple[float, float, float]] = {
    "anger": (0.59, 0.25, -0.51),
    "boredom": (-0.62, -0.33, -0.65),
    "disgust": (0.35, 0.11, -0.60),
    "fear": (0.60, -0.43, -0.64),
    "happiness": (0.51, 0.46, 0.81),
    "neutral": (0.0, 0.0, 0.0),
    "sadness": (-0.27, -0.33, -0.63),
}
"""Arousal, dominance, valence in [-1, 1]."""

EMODB_RATINGS: dict[str, tuple[float, float]] = {
    "anger": (0.748, -0.670),
    "boredom": (-0.117, -0.037),
    "fear": (0.300, -0.570),
    "happiness": (0.704, 0.684),
    "neutral": (0.110, 0.090),
    "sadness": (-0.748, -0.851),
}
"""Mean human arousal and valence in [-1, 1]; `tests/test_emotion_targets.py` recomputes them."""


def adv_target(emotion: str) -> tuple[float, float, float]:
    """Training target of an emotion, A/D/V in [0, 1].

    Raises:
        InputError: an emotion without a target.

    Examples:
        >>> adv_target("disgust")
        (0.675, 0.555, 0.2)
    """
    if emotion not in RUSSELL_MEHRABIAN:
        known = ", ".join(RUSSELL_MEHRABIAN)
        raise InputError(f"no A/D/V target for the emotion {emotion!r}", f"known: {known}")
    arousal, dominance, valence = RUSSELL_MEHRABIAN[emotion]
    if emotion in EMODB_RATINGS:
        rated_arousal, rated_valence = EMODB_RATINGS[emotion]
        arousal, valence = (arousal + rated_arousal) / 2, (valence + rated_valence) / 2
    return _unit(arousal), _unit(dominance), _unit(valence)


def _unit(value: float) -> float:
    return round((value + 1) / 2, 4)
