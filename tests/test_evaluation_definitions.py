"""The suite's figures against numbers worked out by hand: ranges, labels, groups, differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.audio.corpus import Clip
from edge_ser.errors import InputError
from edge_ser.evaluation.breakdown import LARGEST_DIFFERENCE, breakdown, differences, sexes_of
from edge_ser.evaluation.comparison import compare
from edge_ser.evaluation.consistency import EXPECTED, HIGH, LOW, NEUTRAL, PUBLISHED, consistency
from edge_ser.evaluation.controls import RandomModel
from edge_ser.evaluation.figures import Truth, figures_on
from edge_ser.evaluation.labels import labels_of, regression


def values(*rows: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def clip(name: str = "a.wav", **fields: str) -> Clip:
    return Clip(Path(name), name, "made", fields)


# Consistency


@pytest.mark.parametrize(
    ("where", "inside", "outside"),
    [
        (HIGH, (0.55, 0.7, 1.2), (0.5499, 0.0)),
        (LOW, (0.45, 0.1, -0.2), (0.4501, 1.0)),
        (NEUTRAL, (0.3, 0.45, 0.6), (0.2999, 0.6001)),
    ],
)
def test_both_ends_of_a_range_belong_to_it(
    where: object, inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    assert where in (HIGH, LOW, NEUTRAL)
    assert where.holds(np.array(inside)).all()  # type: ignore[attr-defined]
    assert not where.holds(np.array(outside)).any()  # type: ignore[attr-defined]


def test_the_classes_are_those_of_the_public_suite() -> None:
    by_range = {
        dimension: {
            where.name: sorted(name for name, other in expected.items() if other is where)
            for where in (LOW, NEUTRAL, HIGH)
        }
        for dimension, expected in EXPECTED.items()
    }
    assert by_range == {
        "arousal": {
            "low": ["boredom", "sadness"],
            "neutral": ["neutral"],
            "high": ["anger", "fear", "surprise"],
        },
        "dominance": {
            "low": ["fear", "sadness"],
            "neutral": ["happiness", "neutral", "surprise"],
            "high": ["anger"],
        },
        "valence": {
            "low": ["anger", "disgust", "fear", "frustration", "sadness"],
            "neutral": ["boredom", "neutral"],
            "high": ["happiness"],
        },
    }


def test_every_published_share_is_of_a_class_that_the_suite_tests() -> None:
    for shares in PUBLISHED.values():
        assert all(emotion in EXPECTED[dimension] for dimension, emotion in shares)


def test_shares_passes_and_intervals_over_speakers() -> None:
    # Four angry clips of two speakers: three of four high on arousal, two of four on dominance.
    predictions = values((0.9, 0.9, 0.1), (0.6, 0.6, 0.1), (0.55, 0.2, 0.1), (0.2, 0.1, 0.9))
    rows = consistency(predictions, ["anger"] * 4, ["s1", "s1", "s2", "s2"])
    found = {(row["dimension"], row["emotion"], row["range"]): row for row in rows}
    assert set(found) == {
        (dimension, name, where)
        for dimension, where in (("arousal", "high"), ("dominance", "high"), ("valence", "low"))
        for name in ("anger", "all")
    }
    arousal = found["arousal", "anger", "high"]
    assert arousal["clips"] == 4 and arousal["passed"]
    # Speaker 1 has all, speaker 2 half of the clips inside: draws give 1, 3/4 or 1/2.
    assert arousal["share"] == {"value": 0.75, "low": 0.5, "high": 1.0}
    dominance = found["dominance", "all", "high"]
    assert dominance["share"] == {"value": 0.5, "low": 0.0, "high": 1.0}
    assert not dominance["passed"]


def test_one_class_and_one_speaker_and_nothing_known() -> None:
    one = consistency(values((0.1, 0.1, 0.1)), ["sadness"], ["s"])
    assert {row["share"]["value"] for row in one} == {1.0}
    assert consistency(values((0.1, 0.1, 0.1)), ["pride"], ["s"]) == []


# Labels


def test_partial_labels_are_mapped_to_the_unit_range() -> None:
    clips = [clip(arousal="-1", valence="0.5"), clip(arousal="1"), clip(arousal=" 0 ", valence="")]
    labels = labels_of(clips, (-1, 1))
    assert labels is not None
    np.testing.assert_array_equal(labels[:, 0], [0, 1, 0.5])
    assert np.isnan(labels[:, 1]).all()
    np.testing.assert_array_equal(labels[:, 2], [0.75, np.nan, np.nan])


def test_seven_points_are_a_scale_too() -> None:
    labels = labels_of([clip(dominance="1"), clip(dominance="4"), clip(dominance="7")], (1, 7))
    assert labels is not None
    np.testing.assert_array_equal(labels[:, 1], [0, 0.5, 1])


def test_without_labels_there_is_no_table() -> None:
    assert labels_of([clip(emotion="anger"), clip(arousal="")]) is None


@pytest.mark.parametrize(
    ("text", "scale", "message"),
    [
        ("high", (0, 1), "'high' is not a number"),
        ("nan", (0, 1), "not a finite number"),
        ("inf", (0, 1), "not a finite number"),
        ("1.5", (0, 1), "is outside 0 to 1"),
        ("-0.1", (0, 1), "is outside 0 to 1"),
        ("0.5", (1, 1), "is empty"),
        ("0.5", (7, 1), "is empty"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(
    text: str, scale: tuple[float, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        labels_of([clip(arousal=text)], scale)


@given(st.text(max_size=8))
def test_any_text_is_a_label_in_range_or_refused(text: str) -> None:
    try:
        labels = labels_of([clip(arousal=text)])
    except InputError:
        return
    assert labels is None or 0 <= labels[0, 0] <= 1


def test_regression_uses_only_labelled_clips() -> None:
    # Truth .2 .4 .6, predictions .3 .5 .7: PCC 1, MAE .1,
    # CCC = 2 var / (2 var + .1^2) with var = .08 / 3.
    predictions = values((0.3, 0.5, 0), (0.5, 0.5, 0), (0.7, 0.5, 0), (0.0, 0.5, 0))
    labels = np.full((4, 3), np.nan)
    labels[:3, 0] = [0.2, 0.4, 0.6]
    labels[0, 2] = 0.5  # one clip: no correlation
    figures = regression(predictions, labels, ["a", "b", "c", "d"])
    assert set(figures) == {"arousal"}
    assert figures["arousal"]["clips"] == 3
    variance = 0.08 / 3
    expected = 2 * variance / (2 * variance + 0.01)
    assert figures["arousal"]["ccc"]["value"] == pytest.approx(expected, abs=1e-4)
    assert (figures["arousal"]["pcc"], figures["arousal"]["mae"]) == (1.0, 0.1)


# Breakdown


def test_sex_is_read_from_either_column_in_any_spelling() -> None:
    clips = [clip(sex="F"), clip(gender="m"), clip(gender="Female"), clip(sex="other"), clip()]
    assert sexes_of(clips) == ["female", "male", "female", "other", ""]


def test_figures_of_each_group() -> None:
    predictions = values((0.9, 0.9, 0.1), (0.1, 0.1, 0.1), (0.7, 0.5, 0.3))
    rows = breakdown(
        predictions, ["b", "b", ""], ["anger", "sadness", "anger"], reference=predictions
    )
    (row,) = rows
    assert (row["group"], row["clips"]) == ("b", 2)
    assert row["mean"] == {"arousal": 0.5, "dominance": 0.5, "valence": 0.1}
    assert row["share_in_range"] == {"arousal": 1.0, "dominance": 1.0, "valence": 1.0}
    assert row["ccc"] == {}  # two clips say nothing
    assert row["auc"] == 1.0  # anger above sadness on arousal, the only pair that occurs


def test_a_group_without_known_emotions_has_no_shares() -> None:
    (row,) = breakdown(values((0.5, 0.5, 0.5)), ["s"], [""], None)
    assert row["share_in_range"] == {"arousal": None, "dominance": None, "valence": None}
    assert (row["auc"], row["ccc"]) == (None, {})


def test_differences_between_groups_are_flagged_beyond_the_limit() -> None:
    # Arousal differs by .2, dominance by less than the limit, valence not at all.
    apart = 0.5 + LARGEST_DIFFERENCE - 0.01
    predictions = values((0.5, 0.5, 0.5), (0.7, apart, 0.5))
    found = differences(breakdown(predictions, ["female", "male"], ["", ""], None))
    assert [each.flagged for each in found] == [True, False, False]
    assert str(found[0]).startswith("mean prediction of arousal: male 0.700, female 0.500")
    assert found[1].size == pytest.approx(LARGEST_DIFFERENCE - 0.01)
    assert differences(breakdown(predictions[:1], ["female"], [""], None)) == []


# Controls


def test_the_random_model_depends_on_audio_and_seed_alone() -> None:
    audio = [np.full(8_000, level, np.float32) for level in np.linspace(0.01, 0.5, 200)]
    first, again = ([RandomModel().predict(clip) for clip in audio] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, [RandomModel(1).predict(clip) for clip in audio])
    answers = np.stack(first)
    assert answers.shape == (200, 3) and answers.min() >= 0 and answers.max() <= 1
    np.testing.assert_allclose(answers.mean(axis=0), 0.5, atol=0.05)


# Comparison


def _truth(teacher: NDArray[np.float32], labels: NDArray[np.float64] | None = None) -> Truth:
    emotions = ["anger", "sadness"] * 4
    speakers = [name for name in "abcd" for _ in range(2)]
    return Truth(emotions, speakers, [""] * 8, labels, teacher)


def test_a_model_does_not_differ_from_itself() -> None:
    random = np.random.default_rng(0)
    model, teacher = random.random((2, 8, 3)).astype(np.float32)
    for row in compare(model, model, _truth(teacher), rounds=20).values():
        assert (row["difference"], row["low"], row["high"]) == (0, 0, 0)


def test_a_better_model_is_better_with_an_interval_that_excludes_zero() -> None:
    ideal = np.tile(values((0.9, 0.9, 0.2), (0.1, 0.1, 0.2)), (4, 1))
    wrong = ideal[:, [0, 1, 2]] * [-1, 1, 1] + [1, 0, 0]
    rows = compare(ideal, wrong.astype(np.float32), _truth(ideal), rounds=50)
    order = rows["auc.anger>sadness (arousal)"]
    assert order == {"first": 1.0, "second": 0.0, "difference": 1.0, "low": 1.0, "high": 1.0}
    share = rows["consistency.arousal.high"]
    assert (share["first"], share["second"], share["low"]) == (1.0, 0.0, 1.0)
    assert rows["to_teacher.arousal.mae"]["difference"] == pytest.approx(-0.8, abs=1e-3)


def test_the_difference_is_paired_over_speakers() -> None:
    # Speaker d's clips are hard for both models alike: what is compared does not vary with them.
    random = np.random.default_rng(1)
    teacher = random.random((8, 3)).astype(np.float32)
    noise = np.where(np.arange(8) >= 6, 0.5, 0.0)[:, None].astype(np.float32)
    first, second = teacher + noise + 0.1, teacher + noise + 0.2
    row = compare(first, second, _truth(teacher), rounds=50)["to_teacher.valence.mae"]
    assert row["difference"] == pytest.approx(-0.1, abs=1e-4)
    assert (row["low"], row["high"]) == pytest.approx((-0.1, -0.1), abs=1e-4)


def test_a_dimension_without_labels_is_not_compared() -> None:
    labels = np.full((8, 3), np.nan)
    labels[:, 0] = np.linspace(0, 1, 8)
    teacher = np.random.default_rng(2).random((8, 3)).astype(np.float32)
    rows = compare(teacher, teacher, _truth(teacher, labels), rounds=20)
    assert "labels.arousal.ccc" in rows and "labels.dominance.ccc" not in rows
    assert all(np.isfinite(list(row.values())).all() for row in rows.values())


def test_figures_of_a_draw_without_a_class_are_not_a_number() -> None:
    teacher = values((0.9, 0.9, 0.1), (0.1, 0.1, 0.1), (0.8, 0.8, 0.3), (0.2, 0.2, 0.3))
    truth = Truth(["anger", "sadness"] * 2, list("aabb"), [""] * 4, None, teacher)
    everything = figures_on(teacher, truth)
    assert everything["auc.anger>sadness (arousal)"] == 1.0
    assert "auc.mean" not in everything  # three pairs lack an emotion
    angry = figures_on(teacher, truth, np.array([0, 2]))
    assert np.isnan(angry["auc.anger>sadness (arousal)"])
    assert np.isnan(angry["consistency.arousal.low"]) and angry["consistency.arousal.high"] == 1.0
