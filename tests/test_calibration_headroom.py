"""Headroom: every range but the front-end's is widened, and the export's ranges carry it."""

from __future__ import annotations

import pytest
from conftest import synthetic_speech

from calibration.cache import load
from calibration.calibrate import METHOD
from calibration.headroom import HEADROOM, with_headroom
from calibration.observe import observe
from edge_ser.checkpoint import load_student
from edge_ser.models import shipped


def test_both_ends_move_and_the_front_end_stays() -> None:
    ranges = {"frontend": (-1.5, 2.5), "backbone.projections.scores": (-4.0, 2.0)}
    widened = with_headroom(ranges)
    assert widened["frontend"] == (-1.5, 2.5)
    assert widened["backbone.projections.scores"] == (-4.0 * HEADROOM, 2.0 * HEADROOM)


@pytest.mark.parametrize("name", ["wav2small", "wav2small-17k"])
def test_shipped_ranges_hold_speech_that_was_not_calibrated_on(name: str) -> None:
    student, _ = load_student(shipped(f"{name}.safetensors"))
    cache = load(shipped(f"{name}.calibration.json"))
    assert cache.method == METHOD
    observed = observe(student, [synthetic_speech(5.0, seed) for seed in range(3)])
    for path, (low, high) in observed.items():
        if path != "frontend":
            assert cache.ranges[path][0] <= low and high <= cache.ranges[path][1], path
