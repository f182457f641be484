"""Curves, evidence and parameters: numbers, bounds, damaged files, bundles of other checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bundle import open_bundle
from edge_ser.errors import BundleRefused, InputError
from edge_ser.models import shipped
from edge_ser.stream.meaning.confidence import (
    CONFIDENCE_FILE,
    Confidence,
    load_confidence,
    read_parameters,
)
from edge_ser.stream.meaning.curves import Curve, Curves, ramps
from edge_ser.stream.meaning.evidence import FEATURES, RISING, SPEECH, evidence
from edge_ser.stream.meaning.track import SoundTrack

SHIPPED = "wav2small.confidence.json"


@dataclasses.dataclass(frozen=True)
class Window:
    start: int
    end: int
    values: NDArray[np.float32]


class Says:
    """A detector that always answers the same."""

    name = "says"

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def probability(self, frame: NDArray[np.float32]) -> float:
        return self.answer

    def reset(self) -> None:
        pass


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(shipped(SHIPPED).read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="module")
def confidence(content: dict[str, Any]) -> Confidence:
    return Confidence(read_parameters(json.dumps(content).encode(), SHIPPED))


def test_a_curve_is_linear_between_its_knots_and_flat_beyond() -> None:
    curve = Curve("snr_db", (0.0, 10.0, 20.0), ((1.0, 2.0), (0.0, 0.0), (-1.0, 0.0)))
    model = Curves((0.0, 1.0, 2.0), (curve,))
    for snr, logits in (
        (-50, (0, 1, 2)),
        (5, (0.5, 1, 1.5)),
        (15, (2, 1, 1)),
        (99, (3, 1, 1)),
    ):
        expected = 1 / (1 + np.exp(-np.array(logits, float)))
        assert model.of({"snr_db": snr}) == pytest.approx(expected, abs=1e-12)
    assert ramps(-1e300, (0.0, 1.0)).tolist() == [0.0]
    assert ramps(1e300, (0.0, 1.0)).tolist() == [1.0]


@pytest.mark.parametrize(
    ("feature", "knots", "steps"),
    [
        ("loudness", (0.0, 1.0), ((1.0,),) * 3),
        ("snr_db", (0.0,), ((),) * 3),
        ("snr_db", (1.0, 1.0), ((1.0,),) * 3),
        ("snr_db", (2.0, 1.0), ((1.0,),) * 3),
        ("snr_db", (0.0, 1.0), ((1.0,),) * 2),
        ("snr_db", (0.0, 1.0), ((1.0, 2.0),) * 3),
        ("snr_db", (0.0, 1.0), ((1e9,),) * 3),
        ("snr_db", tuple(map(float, range(40))), ((1.0,) * 39,) * 3),
    ],
)
def test_an_unusable_curve_is_refused(feature: str, knots: Any, steps: Any) -> None:
    with pytest.raises(InputError):
        Curve(feature, knots, steps)


def test_the_shipped_bundle_has_its_confidence() -> None:
    with open_bundle(shipped("bundle")) as bundle:
        found = load_confidence(bundle)
        assert found is not None
        expected = bundle.manifest.student.checkpoint_sha256
    assert found.parameters.checkpoint_sha256 == expected
    assert not set(found.parameters.without_detector.features) & set(SPEECH)
    assert set(found.parameters.with_detector.features) == set(FEATURES)
    data = found.parameters.provenance["data"]
    assert all(one["licence"] != "not stated" for one in data)
    assert "nEMO" not in json.dumps(found.parameters.provenance)


def test_curves_of_speech_and_of_height_above_the_noise_never_fall(confidence: Confidence) -> None:
    for model in (confidence.parameters.with_detector, confidence.parameters.without_detector):
        for curve in model.curves:
            if curve.feature in RISING:
                assert min(min(steps) for steps in curve.steps) >= 0


def _bundle(student: str, sha256: str, own: bytes | None) -> Any:
    manifest = SimpleNamespace(
        student=SimpleNamespace(name=student, checkpoint_sha256=sha256),
        files={CONFIDENCE_FILE: None} if own is not None else {},
    )
    return SimpleNamespace(manifest=manifest, read=lambda name: own)


def test_parameters_of_another_checkpoint_are_not_used(content: dict[str, Any]) -> None:
    assert load_confidence(_bundle("wav2small", "0" * 64, None)) is None
    assert load_confidence(_bundle("no-such-student", "0" * 64, None)) is None
    own = json.dumps(content).encode()
    right = load_confidence(_bundle("mine", content["checkpoint_sha256"], own))
    assert right is not None and right.parameters.student == "wav2small"
    with pytest.raises(BundleRefused, match="another checkpoint"):
        load_confidence(_bundle("wav2small", "0" * 64, own))


def test_a_bundles_own_parameters_win(content: dict[str, Any]) -> None:
    own = json.dumps(content | {"tolerance": 0.07}).encode()
    found = load_confidence(_bundle("wav2small", content["checkpoint_sha256"], own))
    assert found is not None and found.parameters.tolerance == 0.07


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"schema": 1, "schema": 1}',
        b"[" * 100_000,
        b" " * 2_000_000,
    ],
)
def test_what_is_no_parameters_file_is_refused(damaged: bytes) -> None:
    with pytest.raises(BundleRefused):
        read_parameters(damaged, CONFIDENCE_FILE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", 2),
        ("schema", "1"),
        ("tolerance", 0),
        ("tolerance", 1.5),
        ("tolerance", None),
        ("checkpoint_sha256", 7),
        ("with_detector", None),
        ("with_detector", {"constants": [0, 0, 0], "curves": []}),
        ("with_detector", {"constants": [0, 0], "curves": []}),
        ("surplus", 1),
    ],
)
def test_a_wrong_key_is_refused(key: str, value: Any, content: dict[str, Any]) -> None:
    with pytest.raises(BundleRefused):
        read_parameters(json.dumps(content | {key: value}).encode(), CONFIDENCE_FILE)


def test_speech_evidence_is_refused_where_no_detector_is(content: dict[str, Any]) -> None:
    wrong = content | {"without_detector": content["with_detector"]}
    with pytest.raises(BundleRefused, match="without a detector"):
        read_parameters(json.dumps(wrong).encode(), CONFIDENCE_FILE)


@settings(max_examples=100, deadline=None)
@given(cut=st.floats(0, 1), junk=st.binary(max_size=6))
def test_a_damaged_file_is_refused_or_valid(cut: float, junk: bytes) -> None:
    whole = shipped(SHIPPED).read_bytes()
    at = int(cut * len(whole))
    with contextlib.suppress(BundleRefused):
        read_parameters(whole[:at] + junk + whole[at + len(junk) :], CONFIDENCE_FILE)


@settings(max_examples=80, deadline=None)
@given(
    answer=st.floats(0, 1) | st.none(),
    level=st.floats(0, 1),
    end=st.integers(0, 80_000),
    length=st.integers(0, 96_000),
    values=st.lists(st.floats(width=32), min_size=3, max_size=3),
    seed=st.integers(0, 5),
)
def test_any_track_and_any_values_give_probabilities(
    answer: float | None, level: float, end: int, length: int, values: list[float], seed: int
) -> None:
    judge = Confidence(read_parameters(shipped(SHIPPED).read_bytes(), SHIPPED))
    track = SoundTrack(None if answer is None else Says(answer))
    noise = np.random.default_rng(seed).standard_normal(2 * SAMPLE_RATE)
    track.feed((level * noise).astype(np.float32))
    window = Window(end - length, end, np.array(values, np.float32))
    found = judge.of(window, track)
    assert found.shape == (3,)
    assert ((found >= 0) & (found <= 1)).all()
    assert (found[~np.isfinite(window.values)] == 0).all()


def test_evidence_is_what_was_heard() -> None:
    track = SoundTrack(Says(0.75))
    track.feed(np.full(2 * SAMPLE_RATE, 0.1, np.float32))
    known = evidence(Window(0, 2 * SAMPLE_RATE, np.array([0.1, 0.2, 0.3], np.float32)), track)
    assert set(known) == set(FEATURES)
    assert known["seconds"] == 2 and known["speech_share"] == 1 and known["speech_seconds"] == 2
    assert known["speech_probability"] == pytest.approx(0.75)
    assert [known[name] for name in ("arousal", "dominance", "valence")] == pytest.approx(
        [0.1, 0.2, 0.3]
    )
    alone = evidence(Window(0, 1, np.zeros(3, np.float32)), SoundTrack(None))
    assert set(alone) == set(FEATURES) - set(SPEECH)


def test_an_export_takes_the_parameters_beside_the_checkpoint(
    content: dict[str, Any], tmp_path: Path
) -> None:
    from firmware_export.confidence import copy_confidence

    checkpoint, folder = tmp_path / "mine.safetensors", tmp_path / "bundle"
    folder.mkdir()
    assert not copy_confidence(checkpoint, content["checkpoint_sha256"], folder)
    beside = tmp_path / "mine.confidence.json"
    beside.write_text(json.dumps(content))
    assert copy_confidence(checkpoint, content["checkpoint_sha256"], folder)
    assert (folder / CONFIDENCE_FILE).read_bytes() == beside.read_bytes()
    with pytest.raises(InputError, match="another checkpoint"):
        copy_confidence(checkpoint, "0" * 64, folder)
    beside.write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        copy_confidence(checkpoint, content["checkpoint_sha256"], folder)
