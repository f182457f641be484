"""Figures that the authors of the public test suite publish of two models, for comparison.

Source: audeering/ser-tests (MIT licence), second revision, `docs/results/test/DIMENSION/MODEL`:
51c582b7-1.0.0 is the wav2vec2-large-robust model, 1543ec32-1.0.3 a CNN14. Labelled corpora are
IEMOCAP and the first test set of MSP-Podcast; the simulated rooms and positions are measured
on EMOVO, IMDA's read speech and TIMIT. Other corpora, noises and rooms than ours: a figure
beside one of these is a comparison of orders of magnitude, not a ranking.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_ser import DIMENSIONS

Values = tuple[float, ...]
"""One for each corpus, in the order of the module's text."""

Table = dict[str, tuple[Values, Values, Values]]
"""perturbation -> arousal, dominance, valence."""


@dataclass(frozen=True)
class Published:
    """What one model reaches in one test.

    Attributes:
        model: its name.
        unchanged: dimension -> share of unchanged predictions on each corpus.
        delta_ccc: dimension -> change of the CCC on each corpus; empty where none is published.
    """

    model: str
    unchanged: dict[str, Values]
    delta_ccc: dict[str, Values]


def published(perturbation: str) -> tuple[Published, ...]:
    """The models' figures for a perturbation of the suite, by its name; () for another.

    Examples:
        >>> published("babble")[0].unchanged["arousal"]
        (0.94, 0.94)
    """
    return tuple(
        Published(model, _by_dimension(unchanged, perturbation), _by_dimension(ccc, perturbation))
        for model, unchanged, ccc in _MODELS
        if perturbation in unchanged
    )


def _by_dimension(table: Table, perturbation: str) -> dict[str, Values]:
    if perturbation not in table:
        return {}
    return dict(zip(DIMENSIONS, table[perturbation], strict=True))


_WAV2VEC2_UNCHANGED: Table = {
    "additive tone": ((1, 0.99), (1, 1), (0.99, 0.99)),
    "append zeros": ((1, 1), (1, 1), (1, 1)),
    "clip": ((1, 1), (1, 1), (1, 1)),
    "crop beginning": ((0.99, 1), (0.99, 1), (0.96, 0.97)),
    "crop end": ((1, 1), (1, 1), (0.99, 1)),
    "gain": ((1, 1), (1, 1), (1, 1)),
    "high pass": ((1, 1), (1, 1), (0.99, 1)),
    "low pass": ((1, 1), (1, 1), (1, 1)),
    "prepend zeros": ((0.98, 0.99), (0.98, 1), (0.91, 0.96)),
    "white noise 35-45 dB": ((0.99, 0.92), (0.99, 0.9), (0.82, 0.97)),
    "babble": ((0.94, 0.94), (0.96, 0.97), (0.75, 0.76)),
    "coughing": ((0.66, 0.74), (0.83, 0.91), (0.53, 0.58)),
    "environment": ((0.91, 0.91), (0.93, 0.9), (0.79, 0.85)),
    "music": ((0.94, 0.94), (0.96, 0.95), (0.84, 0.86)),
    "sneezing": ((0.52, 0.68), (0.76, 0.9), (0.55, 0.61)),
    "white noise 20 dB": ((0.73, 0.6), (0.7, 0.43), (0.46, 0.64)),
    "low-quality phone": ((0.72, 0.72), (0.74, 0.63), (0.53, 0.7)),
    "downward tilt": ((1, 0.97), (1, 0.99), (0.98, 0.92)),
    "upward tilt": ((0.62, 0.81), (0.85, 0.9), (0.75, 0.86)),
    "position": ((0.74, 0.88, 0.86), (0.8, 0.86, 0.92), (0.5, 0.74, 0.79)),
    "room": ((0.55, 0.73, 0.72), (0.7, 0.84, 0.77), (0.5, 0.69, 0.66)),
}

_WAV2VEC2_DELTA_CCC: Table = {
    "babble": ((0, -0.01), (-0.01, 0), (-0.03, -0.01)),
    "coughing": ((-0.02, -0.02), (-0.02, -0.03), (-0.06, -0.05)),
    "environment": ((-0.01, -0.02), (-0.01, 0.01), (-0.02, 0)),
    "music": ((-0.01, -0.01), (-0.01, 0.01), (-0.02, -0.01)),
    "sneezing": ((-0.03, -0.03), (-0.04, -0.04), (-0.04, -0.03)),
    "white noise 20 dB": ((-0.02, -0.06), (-0.03, 0), (-0.04, -0.02)),
    "low-quality phone": ((-0.03, -0.04), (-0.03, 0.01), (-0.06, -0.05)),
    "downward tilt": ((0, -0.01), (0, 0.01), (-0.01, -0.02)),
    "upward tilt": ((-0.03, -0.02), (-0.03, -0.02), (0.01, -0.01)),
}

_CNN14_UNCHANGED: Table = {
    "additive tone": ((0.95, 0.92), (0.87, 0.95), (0.83, 0.78)),
    "append zeros": ((0.99, 1), (0.99, 1), (0.99, 1)),
    "clip": ((1, 1), (1, 1), (0.99, 0.99)),
    "crop beginning": ((0.99, 1), (0.99, 1), (0.98, 0.99)),
    "crop end": ((0.99, 1), (0.99, 1), (0.99, 1)),
    "gain": ((0.99, 0.98), (0.97, 0.99), (0.97, 0.92)),
    "high pass": ((0.99, 0.99), (0.99, 1), (0.98, 0.98)),
    "low pass": ((1, 0.94), (1, 0.98), (0.99, 0.81)),
    "prepend zeros": ((0.99, 1), (0.99, 1), (0.98, 0.99)),
    "white noise 35-45 dB": ((0.72, 0.73), (0.71, 0.8), (0.52, 0.61)),
    "babble": ((0.73, 0.58), (0.7, 0.73), (0.67, 0.4)),
    "coughing": ((0.71, 0.7), (0.71, 0.84), (0.65, 0.52)),
    "environment": ((0.69, 0.64), (0.67, 0.71), (0.56, 0.46)),
    "music": ((0.71, 0.64), (0.67, 0.72), (0.59, 0.4)),
    "sneezing": ((0.73, 0.64), (0.67, 0.79), (0.63, 0.55)),
    "white noise 20 dB": ((0.39, 0.39), (0.3, 0.47), (0.31, 0.23)),
    "low-quality phone": ((0.29, 0.33), (0.27, 0.37), (0.35, 0.29)),
    "downward tilt": ((0.59, 0.47), (0.47, 0.63), (0.56, 0.39)),
    "upward tilt": ((0.36, 0.36), (0.41, 0.42), (0.2, 0.25)),
    "position": ((0.49, 0.62, 0.37), (0.6, 0.75, 0.58), (0.35, 0.54, 0.39)),
    "room": ((0.36, 0.44, 0.34), (0.49, 0.53, 0.41), (0.26, 0.34, 0.3)),
}

_CNN14_DELTA_CCC: Table = {
    "babble": ((0.04, -0.08), (0.04, -0.03), (-0.01, -0.05)),
    "coughing": ((0.02, -0.05), (0.04, -0.03), (0.01, 0.01)),
    "environment": ((0.01, -0.06), (0.02, -0.04), (-0.01, -0.02)),
    "music": ((0.03, -0.05), (0.01, -0.03), (-0.03, -0.04)),
    "sneezing": ((0.04, -0.05), (0.04, -0.03), (0.01, 0.03)),
    "white noise 20 dB": ((0.08, -0.17), (0, -0.08), (-0.09, -0.01)),
    "low-quality phone": ((0, -0.08), (0.02, -0.07), (-0.11, -0.16)),
    "downward tilt": ((-0.05, -0.02), (-0.09, -0.03), (-0.06, -0.06)),
    "upward tilt": ((0.1, -0.12), (0.12, -0.12), (0.03, -0.08)),
}

_MODELS = (
    ("wav2vec2 (large)", _WAV2VEC2_UNCHANGED, _WAV2VEC2_DELTA_CCC),
    ("CNN14", _CNN14_UNCHANGED, _CNN14_DELTA_CCC),
)
