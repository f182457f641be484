"""The running level: its definition, and the measurement of what it costs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ser.bundle import open_bundle
from edge_ser.cli import main
from edge_ser.drift.stream_level import join, level_drift
from edge_ser.errors import InputError
from edge_ser.frontend import FrontEndSpec
from edge_ser.frontend.causal_level import CausalLevel
from edge_ser.frontend.numpy_frontend import causal_log_mel, log_mel
from edge_ser.runtime import load_engine
from edge_ser.runtime.host import HostEngine

SPEC = FrontEndSpec()


def test_before_its_time_constant_the_level_is_that_of_all_heard() -> None:
    audio = synthetic_speech(2.0, seed=1)
    means, deviations = CausalLevel(SPEC).hear(audio)
    for hops in (1, 10, 1_000):
        heard = audio[: hops * SPEC.hop].astype(np.float64)
        assert means[hops - 1] == pytest.approx(heard.mean(), abs=1e-12)
        wanted = np.sqrt(heard.var() + SPEC.level_eps)
        assert deviations[hops - 1] == pytest.approx(wanted, rel=1e-9)


def test_later_the_past_fades_with_the_time_constant() -> None:
    spec = dataclasses.replace(SPEC, level_seconds=0.5)
    level = CausalLevel(spec)
    loud = np.tile([0.5, -0.5], 16_000)
    quiet = np.zeros(8_000)  # one time constant
    level.hear(loud)
    assert level.square == pytest.approx(0.25)
    level.hear(quiet)
    assert level.square == pytest.approx(0.25 * np.exp(-1), rel=0.01)


@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(0, 120), min_size=1, max_size=6))
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    audio = synthetic_speech(sum(cuts) * SPEC.hop / 16_000 + 0.01, seed=2)
    whole, parts = CausalLevel(SPEC), CausalLevel(SPEC)
    end = sum(cuts) * SPEC.hop
    wanted = whole.hear(audio[:end])
    edges = np.cumsum(cuts) * SPEC.hop
    heard = [parts.hear(part) for part in np.split(audio[:end], edges[:-1])]
    for index in (0, 1):
        assert np.array_equal(np.concatenate([h[index] for h in heard]), wanted[index])


def test_gain_does_not_change_the_log_mel() -> None:
    audio = synthetic_speech(2.0, seed=3).astype(np.float64)
    one, other = (causal_log_mel(gain * audio, SPEC, np.float64) for gain in (0.05, 0.8))
    assert np.abs(one[200:] - other[200:]).max() < 0.02  # level_eps, while all was quiet


def test_a_steady_signal_has_the_log_mel_of_its_clip() -> None:
    tone = np.sin(np.arange(48_000) * 0.3)
    apart = causal_log_mel(tone, SPEC, np.float64) - log_mel(tone, SPEC, np.float64)
    assert np.abs(apart[500:]).max() < 0.02


@pytest.mark.parametrize("seconds", [0.0, -1.0, 4_000.0])
def test_a_senseless_time_constant_is_refused(seconds: float) -> None:
    with pytest.raises(InputError, match="level_seconds"):
        dataclasses.replace(SPEC, level_seconds=seconds)


def test_a_specification_of_version_0_1_is_read_and_bound_to_the_same_caches() -> None:
    old = SPEC.to_dict()
    del old["level_seconds"]
    assert FrontEndSpec.from_dict(old) == SPEC
    assert dataclasses.replace(SPEC, level_seconds=9.0).sha256() == SPEC.sha256()


def test_joined_clips_have_pauses_and_an_end() -> None:
    clips = [np.ones(16_000, np.float32), np.ones(16_000, np.float32)]
    joined = join(clips, longest=2.0, seed=0)
    assert len(joined) == 32_000
    assert np.abs(joined[16_000:24_000]).max() < 1e-3 and joined[24_000] == 1.0
    assert len(join([], 2.0, seed=0)) == 0


def test_the_drift_of_a_running_level_is_measured(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle:
        engine = load_engine(bundle, "litert")
    assert isinstance(engine, HostEngine)
    steady = synthetic_speech(30.0, seed=4)
    short, long = level_drift(engine, steady, [0.2, 5.0], 5.0, 2.5)
    assert short.windows == long.windows == 9
    assert 0 < long.mae.max() < short.mae.max() and (long.ccc <= 1).all()
    with pytest.raises(InputError, match="windows to compare"):
        level_drift(engine, steady[:80_000], [5.0], 5.0, 2.5)


def test_the_verb_needs_speech(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift", "--stream-level"]) == 2
    assert "--audio" in capsys.readouterr().err


def test_the_verb_prints_a_row_for_each_time_constant(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = str(shared_data / "emodb")
    assert main(["drift", "--stream-level", "--audio", audio, "--limit", "15"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2 + 5 + 1 and any("3*" in line for line in printed)
