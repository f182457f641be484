"""The drift core on engines whose errors are known exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ser.drift import DriftClip, measure
from edge_ser.drift.gate import Gate, judge
from edge_ser.errors import EdgeSerError, InputError

COUNT = 250


def clips(count: int = COUNT) -> Iterator[DriftClip]:
    """Clips whose sample values carry the A/D/V that `reference` reads out."""
    for index in range(count):
        random = np.random.default_rng(index)
        yield DriftClip(f"clip{index:03d}", random.uniform(0, 1, 8_000).astype(np.float32))


def reference(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    return audio[:3]


def shifted(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    return audio[:3] + np.array([0.0, 0.001, -0.002], np.float32)


def test_figures_of_a_known_shift() -> None:
    result = measure({"float": reference, "int8": shifted}, clips())
    figures = result.against_reference()["int8"].dimensions
    assert list(figures) == ["arousal", "dominance", "valence"]
    assert figures["arousal"].ccc == pytest.approx(1.0, abs=1e-9)
    assert figures["valence"].pcc == pytest.approx(1.0, abs=1e-9)
    assert figures["dominance"].mae == pytest.approx(0.001, rel=1e-3)
    assert figures["valence"].max == pytest.approx(0.002, rel=1e-3)
    assert figures["valence"].p99 == pytest.approx(0.002, rel=1e-3)
    assert result.seconds.sum() == pytest.approx(COUNT * 0.5)


def test_ccc_is_over_the_corpus_not_per_clip() -> None:
    result = measure({"float": reference, "int8": shifted}, clips())
    truth = result.predictions["float"][:, 2]
    moved = truth - 0.002
    expected = 2 * truth.var() / (truth.var() + moved.var() + 0.002**2)
    assert result.against_reference()["int8"].dimensions["valence"].ccc == pytest.approx(
        expected, abs=1e-6
    )


def test_previous_and_reference_differ() -> None:
    def twice(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        return shifted(audio) + np.array([0.0, 0.001, -0.002], np.float32)

    result = measure({"float": reference, "int8": shifted, "device": twice}, clips(20))
    assert result.against_reference()["device"].max == pytest.approx(0.004, rel=1e-3)
    previous = result.against_previous()["device"]
    assert previous.against == "int8"
    assert previous.max == pytest.approx(0.002, rel=1e-3)


def test_steps_before_the_reference_are_reported_but_not_judged() -> None:
    result = measure(
        {"teacher": lambda audio: audio[3:6], "float": reference, "int8": shifted},
        clips(),
        reference="float",
    )
    verdict = judge(result, Gate())
    assert result.against_reference()["teacher"].max > 0.5
    assert verdict.judged == ("int8",)
    assert verdict.passed


def test_values_by_name_may_lack_clips() -> None:
    known = {clip.name: clip.audio[:3] for clip in clips(7)}
    result = measure({"float": reference, "labels": known}, clips(10))
    assert result.against_reference()["labels"].clips == 7
    assert result.against_reference()["labels"].max == 0.0
    assert any("7 of 10" in line for line in result.warnings())
    assert np.isnan(result.predictions["labels"][7:]).all()


def test_steps_without_a_common_clip_are_not_compared() -> None:
    result = measure({"float": reference, "labels": {"elsewhere": [0, 0, 0]}}, clips(3))
    assert result.against_reference() == {}
    assert not judge(result, Gate()).passed


def test_constant_predictions_give_zero_and_are_named() -> None:
    result = measure({"float": reference, "int8": lambda audio: [0.5, 0.5, 0.5]}, clips())
    figures = result.against_reference()["int8"]
    assert [entry.ccc for entry in figures.dimensions.values()] == [0.0, 0.0, 0.0]
    assert figures.constant_dimensions == ["arousal", "dominance", "valence"]
    assert sum("constant" in line for line in result.warnings()) == 3
    assert not judge(result, Gate()).passed


def test_worst_clips_come_by_name_and_in_order() -> None:
    def wrong_on_two(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        named = {float(clip.audio[0]): clip.name for clip in clips(10)}
        extra = {"clip003": 0.05, "clip007": 0.1}.get(named[float(audio[0])], 0.0)
        return audio[:3] + np.array([0.0, extra, 0.0], np.float32)

    result = measure({"float": reference, "int8": wrong_on_two}, clips(10))
    worst = result.worst("int8", 2)
    assert [clip.name for clip in worst] == ["clip007", "clip003"]
    assert worst[0].dimension == "dominance"
    assert worst[0].error == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize(
    "bad", [[0.1, 0.2], [[0.1, 0.2, 0.3]], [0.1, float("nan"), 0.3], [0.1, float("inf"), 0.2]]
)
def test_a_broken_engine_is_named(bad: list[float]) -> None:
    with pytest.raises(EdgeSerError, match=r"int8 gave .* for clip000"):
        measure({"float": reference, "int8": lambda audio: bad}, clips(3))


def test_unusable_arguments() -> None:
    with pytest.raises(InputError, match="no clips"):
        measure({"float": reference}, [])
    with pytest.raises(InputError, match="no engine"):
        measure({}, clips(3))
    with pytest.raises(InputError, match="no step called"):
        measure({"float": reference}, clips(3), reference="torch")
    with pytest.raises(InputError, match="two clips"):
        measure({"float": reference}, [*clips(1), *clips(1)])


def test_gate_names_the_dimension_and_limit() -> None:
    result = measure({"float": reference, "int8": shifted}, clips())
    verdict = judge(result, Gate(mae=0.0015, max=0.0015))
    assert not verdict.passed
    assert len(verdict.failures) == 2
    assert "int8, valence: MAE 0.00200" in verdict.failures[0]


def test_ccc_is_judged_on_enough_clips_only() -> None:
    tight = Gate(ccc=1.1, clips_for_ccc=200)
    few = judge(measure({"float": reference, "int8": shifted}, clips(199)), tight)
    many = judge(measure({"float": reference, "int8": shifted}, clips(200)), tight)
    assert few.passed and not few.ccc_judged
    assert not many.passed and many.ccc_judged


def test_dictionary_is_json() -> None:
    result = measure({"float": reference, "int8": shifted}, clips(10))
    plain = json.loads(json.dumps({**result.to_dict(), **judge(result, Gate()).to_dict()}))
    assert plain["against_reference"]["int8"]["dimensions"]["arousal"]["mae"] < 1e-6
    assert plain["clips"] == 10
    assert plain["passed"] is True
