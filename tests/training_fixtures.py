"""A tiny corpus of synthetic voices: enough to run the training path end to end in seconds."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech

SPEAKERS = ("03", "08", "09", "10")
EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness")


def write_corpus(folder: Path, clips_per_speaker: int = 5) -> Path:
    """A corpus folder with a manifest; louder and brighter voices are called angrier."""
    folder.mkdir(parents=True)
    rows = []
    for index, speaker in enumerate(SPEAKERS):
        for number in range(clips_per_speaker):
            emotion = EMOTIONS[number % len(EMOTIONS)]
            name = f"{speaker}_{emotion}_{number}.wav"
            voice = synthetic_speech(1.2 + 0.1 * number, seed=100 * index + number)
            soundfile.write(folder / name, voice, 16_000)
            rows.append({"path": name, "speaker": speaker, "emotion": emotion})
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=["path", "speaker", "emotion"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny networks are trained by one thread, which waits for no other on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four speakers, five emotions, 20 clips."""
    return write_corpus(tmp_path_factory.mktemp("corpora") / "tiny")


@pytest.fixture(scope="session")
def tiny_noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One noise file in a folder."""
    folder = tmp_path_factory.mktemp("corpora") / "noise"
    folder.mkdir()
    noise = 0.1 * np.random.default_rng(0).standard_normal(32_000)
    soundfile.write(folder / "hiss.wav", noise, 16_000)
    return folder
