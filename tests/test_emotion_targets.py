"""The table of A/D/V targets: its human half is recomputed, its ranges are the suite's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_ser.audio.corpus import read_corpus
from edge_ser.errors import InputError
from edge_ser.teachers.emotion_targets import EMODB_RATINGS, RUSSELL_MEHRABIAN, adv_target

LOW, HIGH, NEUTRAL = (0.0, 0.45), (0.55, 1.0), (0.3, 0.6)
RANGES = {
    "anger": {"arousal": HIGH, "dominance": HIGH, "valence": LOW},
    "boredom": {"arousal": LOW, "valence": NEUTRAL},
    "disgust": {"valence": LOW},
    "fear": {"arousal": HIGH, "dominance": LOW, "valence": LOW},
    "happiness": {"valence": HIGH},
    "neutral": {"arousal": NEUTRAL, "dominance": NEUTRAL, "valence": NEUTRAL},
    "sadness": {"arousal": LOW, "dominance": LOW, "valence": LOW},
}
"""In-range definitions of the public test suite for dimensional SER (audEERING, ser-tests)."""


@pytest.mark.parametrize("emotion", RUSSELL_MEHRABIAN)
def test_targets_lie_in_the_ranges_of_the_public_suite(emotion: str) -> None:
    target = dict(zip(("arousal", "dominance", "valence"), adv_target(emotion), strict=True))
    for dimension, (low, high) in RANGES[emotion].items():
        assert low <= target[dimension] <= high, dimension


def test_ratings_are_the_means_of_the_corpus(shared_data: Path) -> None:
    rated: dict[str, list[tuple[float, float]]] = {}
    for clip in read_corpus(shared_data / "emodb"):
        if clip.fields["arousal"] and "16b09Fb" not in clip.name:
            pair = float(clip.fields["arousal"]), float(clip.fields["valence"])
            rated.setdefault(clip.fields["emotion"], []).append(pair)
    assert sum(map(len, rated.values())) == 46
    assert set(rated) == set(EMODB_RATINGS)
    for emotion, pairs in rated.items():
        assert EMODB_RATINGS[emotion] == pytest.approx(np.mean(pairs, axis=0), abs=5e-4)


def test_unknown_emotions_are_refused() -> None:
    with pytest.raises(InputError, match="melancholy"):
        adv_target("melancholy")
