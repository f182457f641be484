"""The log-mel: numpy and torch against a float64 reference built on librosa; the spec's edges."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.corpus import read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError
from edge_ser.frontend import FrontEndSpec
from edge_ser.frontend.filterbank import mel_matrix
from edge_ser.frontend.numpy_frontend import log_mel
from edge_ser.frontend.torch_frontend import FastLogMel, LogMel

SPEC = FrontEndSpec()
TOLERANCE_DB = 1e-3


def reference_db(audio: NDArray[np.float32], spec: FrontEndSpec = SPEC) -> NDArray[np.float64]:
    """The definition in spec.py, written with librosa in float64: (frames, n_mels) dB."""
    signal = audio.astype(np.float64)
    signal = (signal - signal.mean()) / np.sqrt(signal.var() + spec.level_eps)
    stft = librosa.stft(
        np.pad(signal, (spec.left_pad, 0)),
        n_fft=spec.n_fft,
        hop_length=spec.hop,
        window=spec.window,
        center=False,
        dtype=np.complex128,
    )
    mel = librosa.filters.mel(
        sr=spec.sample_rate,
        n_fft=spec.n_fft,
        n_mels=spec.n_mels,
        fmin=spec.fmin,
        fmax=spec.fmax,
        dtype=np.float64,
    )
    power: NDArray[np.float64] = mel @ np.abs(stft) ** 2
    return 10 * np.log10(np.maximum(power, spec.log_floor)).T


def in_db(normalised: NDArray[Any], spec: FrontEndSpec = SPEC) -> NDArray[np.float64]:
    """Undo the constant normalisation."""
    return normalised.astype(np.float64) * spec.std_db + spec.mean_db


def torch_log_mel(audio: NDArray[np.float32], spec: FrontEndSpec = SPEC) -> NDArray[np.float32]:
    """The exportable torch front-end of one clip, (frames, n_mels)."""
    return run_module(LogMel(spec), audio)


def torch_fft_log_mel(audio: NDArray[np.float32], spec: FrontEndSpec = SPEC) -> NDArray[np.float32]:
    """The FFT torch front-end of one clip, (frames, n_mels)."""
    return run_module(FastLogMel(spec), audio)


def run_module(module: torch.nn.Module, audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """One clip through a front-end module, batch and channel axes removed."""
    with torch.no_grad():
        frames: NDArray[np.float32] = module(torch.from_numpy(audio)[None])[0, 0].numpy()
    return frames


every_implementation = pytest.mark.parametrize(
    "implementation",
    [log_mel, torch_log_mel, torch_fft_log_mel],
    ids=["numpy", "torch", "torch-fft"],
)


def impulse(samples: int, position: int) -> NDArray[np.float32]:
    """One full-scale sample in silence."""
    signal = np.zeros(samples, np.float32)
    signal[position] = 1.0
    return signal


def square(samples: int, hertz: float) -> NDArray[np.float32]:
    """Full scale, clipping all the time."""
    phase = np.arange(samples) * hertz / SAMPLE_RATE
    return np.where(phase % 1 < 0.5, 1.0, -1.0).astype(np.float32)


SIGNALS = {
    "speech": synthetic_speech(5.0, seed=1),
    "speech of odd length": synthetic_speech(5.0, seed=2)[:-1],
    "speech of prime length": synthetic_speech(1.0, seed=3)[:15_991],
    "quiet speech": synthetic_speech(2.0, seed=4) * np.float32(1e-3),
    "silence": np.zeros(16_000, np.float32),
    "constant": np.full(16_000, 0.25, np.float32),
    "square": square(80_000, 125.0),
    "square off the grid": square(79_999, 440.0),
    "impulse": impulse(16_000, 8_000),
    "impulse at the start": impulse(16_000, 0),
    "impulse at the end": impulse(16_000, 15_999),
    "white noise": np.random.default_rng(0).uniform(-1, 1, 16_000).astype(np.float32),
    "one hop": synthetic_speech(0.5)[:32],
    "less than a window": synthetic_speech(0.5)[:63],
}


@pytest.mark.parametrize("name", SIGNALS)
@every_implementation
def test_equals_the_reference(name: str, implementation: Any) -> None:
    audio = SIGNALS[name]
    result = implementation(audio, SPEC)
    expected = reference_db(audio)
    assert result.shape == expected.shape == (len(audio) // SPEC.hop, SPEC.n_mels)
    assert result.dtype == np.float32
    assert np.abs(in_db(result) - expected).max() <= TOLERANCE_DB


@every_implementation
def test_equals_the_reference_on_real_speech(implementation: Any, shared_data: Path) -> None:
    clips = read_corpus(shared_data / "emodb")[::40] + read_corpus(shared_data / "speech")[::400]
    assert len(clips) >= 15
    for clip in clips:
        audio = read_audio(clip.path)[: 10 * SAMPLE_RATE]
        error = np.abs(in_db(implementation(audio, SPEC)) - reference_db(audio)).max()
        assert error <= TOLERANCE_DB, clip.name


def test_numpy_in_float64_is_the_reference() -> None:
    for name, audio in SIGNALS.items():
        result = in_db(log_mel(audio, SPEC, dtype=np.float64))
        assert np.abs(result - reference_db(audio)).max() <= 1e-6, name


def test_mel_bands_are_librosas() -> None:
    theirs = librosa.filters.mel(sr=16_000, n_fft=64, n_mels=26, fmin=0, fmax=8_000, dtype=float)
    np.testing.assert_allclose(mel_matrix(SPEC), theirs, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    "spec",
    [
        FrontEndSpec(n_fft=512, hop=160, n_mels=64, fmin=50.0),
        FrontEndSpec(n_fft=128, hop=128, n_mels=20, fmax=4_000.0, log_floor=1e-10),
    ],
)
@every_implementation
def test_other_specs(spec: FrontEndSpec, implementation: Any) -> None:
    audio = SIGNALS["speech of prime length"]
    error = np.abs(in_db(implementation(audio, spec), spec) - reference_db(audio, spec)).max()
    assert error <= TOLERANCE_DB


def test_the_empty_lowest_band_rests_on_the_floor() -> None:
    floor = 10 * np.log10(SPEC.log_floor)
    assert not mel_matrix(SPEC)[0].any()
    np.testing.assert_allclose(in_db(log_mel(SIGNALS["speech"], SPEC))[:, 0], floor, atol=1e-4)


@every_implementation
def test_an_offset_costs_float32_no_more_than_its_rounding(implementation: Any) -> None:
    # The offset's float32 rounding (3e-8) stands beside bands 60 dB below the speech.
    audio = synthetic_speech(2.0, seed=5) * np.float32(0.5) + np.float32(0.4)
    assert np.abs(in_db(implementation(audio, SPEC)) - reference_db(audio)).max() <= 2e-2


def test_a_frame_needs_no_sample_after_its_hop() -> None:
    audio = SIGNALS["white noise"].astype(np.float64)
    first = audio[:8_000] - audio[:8_000].mean()
    both = np.concatenate([first, -first])  # the same mean and variance
    frames = log_mel(first, SPEC, np.float64)
    np.testing.assert_allclose(log_mel(both, SPEC, np.float64)[: len(frames)], frames, atol=1e-9)


def test_gain_does_not_matter() -> None:
    audio = SIGNALS["speech"]
    np.testing.assert_allclose(
        in_db(log_mel(audio * np.float32(0.25), SPEC)), in_db(log_mel(audio, SPEC)), atol=1e-2
    )


@pytest.mark.parametrize("samples", [0, 1, 31])
def test_too_short_is_an_error(samples: int) -> None:
    audio = np.zeros(samples, np.float32)
    with pytest.raises(InputError, match=f"audio of {samples} samples is shorter"):
        log_mel(audio, SPEC)
    for module in (LogMel(SPEC), FastLogMel(SPEC)):
        with pytest.raises((InputError, RuntimeError)):
            run_module(module, audio)


@settings(max_examples=40, deadline=None)
@given(samples=st.integers(32, 5_000), seed=st.integers(0, 2**32 - 1), level=st.floats(-80, 0))
def test_numpy_and_torch_agree_on_noise_of_any_length_and_level(
    samples: int, seed: int, level: float
) -> None:
    noise = np.random.default_rng(seed).standard_normal(samples) * 10 ** (level / 20)
    audio = noise.astype(np.float32)
    difference = in_db(torch_log_mel(audio)) - in_db(log_mel(audio, SPEC))
    assert np.abs(difference).max() <= TOLERANCE_DB


def test_spec_survives_json_and_keeps_its_fingerprint() -> None:
    other = dataclasses.replace(SPEC, n_mels=40)
    assert FrontEndSpec.from_dict(other.to_dict()) == other
    assert FrontEndSpec().sha256() == SPEC.sha256() != other.sha256()
    assert len(SPEC.sha256()) == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": "hamming"}, "not known"),
        ({"level": "causal-unknown"}, "not known"),
        ({"hop": 0}, "hop"),
        ({"hop": 65}, "hop"),
        ({"n_mels": 0}, "n_mels"),
        ({"fmin": -1.0}, "fmin"),
        ({"fmin": 8_000.0}, "fmin"),
        ({"fmax": 8_000.5}, "fmax"),
        ({"log_floor": 0.0}, "log_floor"),
        ({"std_db": -20.0}, "std_db"),
        ({"level_eps": 0.0}, "level_eps"),
    ],
)
def test_impossible_specs_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FrontEndSpec.from_dict({**SPEC.to_dict(), **change})


def test_missing_and_unknown_keys_are_named() -> None:
    values = {**SPEC.to_dict(), "preemphasis": 0.97}
    with pytest.raises(InputError, match="preemphasis"):
        FrontEndSpec.from_dict(values)
    del values["preemphasis"], values["hop"]
    with pytest.raises(InputError, match="hop"):
        FrontEndSpec.from_dict(values)
