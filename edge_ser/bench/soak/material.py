"""What a soak listens to: passages of many kinds, levels and rates, one after the other for ever.

A passage is deterministic in the seed. Synthetic kinds are drawn once and played again at other
levels, so that making audio costs next to nothing beside analysing it; files are read anew each
time they are played, as a stream of files would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser.audio.files import AUDIO_SUFFIXES
from edge_ser.errors import InputError

RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
"""Samples per second of the synthetic passages."""

SYNTHETIC_SECONDS = 8.0

_LEVELS_DB = (-40.0, 20.0)
"""Range of the gain that a passage is played with; what exceeds full scale clips."""

Draw = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]


class Audio(Protocol):
    """Something that is read from its beginning to its end."""

    def read(self, frames: int) -> NDArray[np.float32]:
        """The next (n,) samples, n <= frames; fewer at the end, then none."""

    def close(self) -> None:
        """Read no further."""


@dataclass(frozen=True)
class Passage:
    """Something to listen to, once.

    Attributes:
        audio: mono, about [-1, 1].
        rate: of it, samples per second.
        gain: that it is played with.
    """

    audio: Audio
    rate: int
    gain: np.float32

    def read(self, frames: int) -> NDArray[np.float32]:
        """The next samples as they are played, clipped at full scale; none at the end."""
        return np.clip(self.audio.read(frames) * self.gain, -1, 1)


def endless(seed: int, files: Sequence[Path] = ()) -> Iterator[Passage]:
    """Passages without end, in an order of chance; with files, every other one is a file.

    Args:
        seed: equal seeds give equal passages.
        files: audio files of any length.
    """
    random = np.random.default_rng(seed)
    drawn = list(_synthetic(random))
    while True:
        gain = np.float32(10 ** (random.uniform(*_LEVELS_DB) / 20))
        if files and random.random() < 0.5:
            audio = _File(files[int(random.integers(len(files)))])
            yield Passage(audio, audio.rate, gain)
        else:
            samples, rate = drawn[int(random.integers(len(drawn)))]
            yield Passage(_Samples(samples), rate, gain)


def find_files(folders: Sequence[Path]) -> list[Path]:
    """The audio files below some folders, sorted.

    Raises:
        InputError: a folder is missing or holds none.
    """
    found = []
    for folder in folders:
        here = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]
        if not here:
            raise InputError(
                f"no audio files below {folder}", "leave --audio out for synthetic ones"
            )
        found += here
    return found


class _Samples:
    """Audio that is in memory."""

    def __init__(self, samples: NDArray[np.float32]) -> None:
        self._samples = samples
        self._at = 0

    def read(self, frames: int) -> NDArray[np.float32]:
        """See `Audio.read`."""
        block = self._samples[self._at : self._at + frames]
        self._at += len(block)
        return block

    def close(self) -> None:
        """Nothing is open."""


class _File:
    """Audio of a file, read as it is played: a long file takes no more memory than a short one."""

    def __init__(self, path: Path) -> None:
        import soundfile

        self._file: Any = soundfile.SoundFile(path)
        self.rate = int(self._file.samplerate)

    def read(self, frames: int) -> NDArray[np.float32]:
        """See `Audio.read`."""
        block: NDArray[np.float32] = self._file.read(frames, dtype="float32", always_2d=True)
        return block.mean(axis=1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _synthetic(random: np.random.Generator) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Every kind once at its turn of the rates: samples within [-1, 1], rate."""
    for number, draw in enumerate(_KINDS):
        rate = RATES[number % len(RATES)]
        time = np.arange(round(SYNTHETIC_SECONDS * rate)) / rate
        signal = draw(time, random)
        peak = np.abs(signal).max()
        yield (signal / peak if peak > 0 else signal).astype(np.float32), rate


def _speech(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """A gliding harmonic voice with three resonances, in syllables and pauses."""
    nyquist = 0.5 / (time[1] - time[0])
    base = random.uniform(90, 240)
    glide = 1 + 0.25 * np.sin(2 * np.pi * 0.6 * time + random.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(base * glide) * (time[1] - time[0])
    formants = random.uniform([400, 1200, 2300], [800, 2000, 3200])
    voice = np.zeros_like(time)
    # sin(k p) by recurrence: thousands of sines per sample would take longer than the analysis.
    before, current, twice_cosine = np.zeros_like(time), np.sin(phase), 2 * np.cos(phase)
    for harmonic in range(1, int(min(40, nyquist / (1.3 * base)))):
        resonance = sum(1 / (1 + ((harmonic * base - at) / 150) ** 2) for at in formants)
        voice += (0.02 + resonance) / harmonic * current
        before, current = current, twice_cosine * current - before
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), 0, None) ** 2
    sentences = np.sin(2 * np.pi * 0.25 * time + 1) > -0.5
    return voice * syllables * sentences + 1e-3 * random.standard_normal(len(time))


def _babble(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    return sum((_speech(time, random) for _ in range(4)), np.zeros_like(time))


def _noise(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    return random.standard_normal(len(time))


def _rumble(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Brown noise: the power of a street or of wind lies low."""
    walk = np.cumsum(random.standard_normal(len(time)))
    return walk - np.linspace(walk[0], walk[-1], len(walk))


def _music(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Chords of decaying harmonics, two a second."""
    signal = np.zeros_like(time)
    beat = np.floor(2 * time).astype(int)
    for note in range(3):
        pitches = 110 * 2 ** (random.integers(0, 36, beat[-1] + 1) / 12)
        phase = 2 * np.pi * np.cumsum(pitches[beat]) * (time[1] - time[0])
        signal += np.exp(-4 * (time % 0.5)) * (np.sin(phase) + 0.4 * np.sin(2 * phase)) / (note + 1)
    return signal


def _clipped(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    voice = _speech(time, random)
    return np.clip(voice, -0.1 * np.abs(voice).max(), 0.1 * np.abs(voice).max())


def _clicks(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    signal = np.zeros_like(time)
    signal[random.integers(0, len(time), 40)] = random.uniform(-1, 1, 40)
    return signal


def _silence(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Digital: not one bit set, as a muted microphone gives it."""
    return np.zeros_like(time)


def _offset(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Hum on a constant, as a poor sound card gives it."""
    return 0.5 + 0.1 * np.sin(2 * np.pi * 50 * time) + 1e-3 * random.standard_normal(len(time))


_KINDS: tuple[Draw, ...] = (
    *(_speech, _noise, _music, _silence, _clipped, _speech),
    *(_rumble, _babble, _clicks, _offset, _speech),
)
