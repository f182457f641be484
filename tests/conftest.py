"""Fixtures that every test file may use: corpora, checkpoints, synthetic speech.

What needs a corpus asks for `shared_data` and is skipped, by name and reason, without one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE

REPOSITORY = Path(__file__).resolve().parents[1]

pytest_plugins = [
    name
    for name in (
        "bundle_fixtures",
        "stream_fixtures",
        "mqtt_broker",
        "training_fixtures",
        "c_fixtures",
        "browser_fixtures",
        "datasets_fixtures",
    )
    if (REPOSITORY / "tests" / f"{name}.py").is_file()
]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the development corpora (emodb, speech, noise, nemo_dev); skips without it."""
    folder = Path(os.environ.get("EDGE_SER_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no corpora at {folder}; point EDGE_SER_DATA at a folder that holds them")
    return folder


def _checkpoint(name: str) -> Path:
    """The shipped student, or the one a developer has just trained into work/dev."""
    for folder in ("edge_ser/models", "work/dev"):
        path = REPOSITORY / folder / f"{name}.safetensors"
        if path.is_file():
            return path
    pytest.skip(f"no {name}.safetensors in edge_ser/models (train one: edge-ser distill)")


@pytest.fixture(scope="session")
def dev_checkpoint() -> Path:
    """Weights of `wav2small`, their card beside them."""
    return _checkpoint("wav2small")


@pytest.fixture(scope="session")
def dev_checkpoint_17k() -> Path:
    """Weights of `wav2small-17k`, their card beside them."""
    return _checkpoint("wav2small-17k")


def synthetic_speech(seconds: float = 5.0, seed: int = 0) -> NDArray[np.float32]:
    """A deterministic signal with the traits of speech that matter here.

    A gliding harmonic source with formant-like resonances, syllables at about 4 Hz, pauses
    that are nearly silent, and a little noise: (samples,) float32 at 16 kHz, within [-1, 1].
    """
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 120 * (1 + 0.25 * np.sin(2 * np.pi * 0.7 * time + random.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    formants = random.uniform([400, 1200, 2300], [800, 2000, 3200])
    voice = np.zeros_like(time)
    for harmonic in range(1, 40):
        hertz = 120 * harmonic
        resonance = sum(1 / (1 + ((hertz - centre) / 150) ** 2) for centre in formants)
        voice += (0.02 + resonance) / harmonic * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 4 * time + random.uniform(0, 6)), 0, None) ** 2
    signal = voice * syllables + 1e-3 * random.standard_normal(len(time))
    return (0.5 * signal / np.abs(signal).max()).astype(np.float32)


@pytest.fixture(scope="session")
def speech_like() -> NDArray[np.float32]:
    """Five seconds of `synthetic_speech`, (80000,) float32."""
    return synthetic_speech()


@pytest.fixture
def figure() -> Callable[[str, Any], None]:
    """Takes what a test measured; `pytest -rP` prints it."""

    def say(name: str, value: Any) -> None:
        parts = value if isinstance(value, tuple) else (value,)
        shown = [f"{part:.2f}" if isinstance(part, float) else str(part) for part in parts]
        print(f"{name}: {', '.join(shown)}")

    return say
