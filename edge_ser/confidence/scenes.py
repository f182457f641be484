"""Scenes with a known truth: someone speaks, and something else is heard too.

A scene is up to 14 s of sound: clips of one speaker with pauses between them, and around all of
it a background (noise, babble, another speaker, music, a room) at a drawn level. What the
teacher says of each clean clip is known, so it is known what a reading of any stretch should be.

Non-goals: realism of any one room. What matters is that all degrees of each trouble occur.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.augment import Signal, coloured_noise, random_crop, reverberate, rms, tilt
from edge_ser.confidence.music import music

KINDS = {
    "clean": 0.14,
    "noise": 0.30,
    "babble": 0.08,
    "two speakers": 0.10,
    "music under speech": 0.08,
    "room": 0.08,
    "noise only": 0.09,
    "music only": 0.05,
    "babble only": 0.03,
    "hum only": 0.03,
    "silence": 0.02,
}
"""Kind of scene -> share of scenes. The last five hold nobody whose values are wanted."""

LONGEST_SECONDS = 14.0
_LONGEST_CLIP = 8.0
_QUIET = 1e-4
"""RMS of a microphone's own noise, relative to speech of 0.1."""

SPEECH_RMS = 0.1
"""Of the clips before the microphone's level is drawn."""

_TALKERS = (3, 7)


@dataclass(frozen=True)
class Sound:
    """A speech clip of known truth.

    Attributes:
        audio: (samples,) float32.
        truth: (3,) the teacher's values of it.
        speaker: unique across corpora.
        corpus: that it comes from.
        emotion: category, "" if unknown; the clips of one scene share it.
    """

    audio: Signal
    truth: NDArray[np.float32]
    speaker: str
    corpus: str
    emotion: str


@dataclass(frozen=True)
class Scene:
    """Sound and truth.

    Attributes:
        kind: of `KINDS`.
        audio: (samples,) float32, clipped to [-1, 1].
        voice: (samples,) the clips alone, before any room, at an RMS of about 0.1 while they last.
        spoken: of each clip its first and last sample + 1, and the teacher's (3,) values.
        corpus: of the clips; "" without any.
        snr_db: level of speech over the background; NaN without either.
    """

    kind: str
    audio: Signal
    voice: Signal
    spoken: tuple[tuple[int, int, NDArray[np.float32]], ...]
    corpus: str
    snr_db: float

    def truth(self, start: int, end: int) -> tuple[NDArray[np.float64], float]:
        """What a reading of [start, end) should be, and how much of it is clips.

        Returns:
            (3,) mean of the clips' values, weighted by the seconds heard of each; seconds heard.
            Without any, NaN and 0.
        """
        heard = np.array([max(0, min(b, end) - max(a, start)) for a, b, _ in self.spoken], float)
        if heard.sum() == 0:
            return np.full(3, np.nan), 0.0
        values = np.array([truth for _, _, truth in self.spoken], np.float64)
        return heard @ values / heard.sum(), float(heard.sum() / SAMPLE_RATE)


def make_scene(
    kind: str, sounds: Sequence[Sound], noises: Sequence[Signal], random: Generator
) -> Scene:
    """Draw one scene.

    Args:
        kind: of `KINDS`.
        sounds: to draw speech from.
        noises: to draw noise from.
        random: decides everything.
    """
    if kind.endswith("only") or kind == "silence":
        samples = int(random.uniform(5, LONGEST_SECONDS) * SAMPLE_RATE)
        alone = _ALONE[kind](samples, sounds, noises, random)
        nobody = np.zeros(samples, np.float32)
        return Scene(kind, _recorded(alone, random), nobody, (), "", float("nan"))
    chosen = _one_speaker(sounds, random)
    voice, spoken = _placed(chosen, random)
    low, high, background_of = _AROUND[kind]
    snr = float(random.uniform(low, high))
    background = background_of(len(voice), sounds, noises, random, chosen[0].speaker)
    speech = reverberate(voice, random) if kind == "room" else voice
    if random.random() < 0.3:
        speech = tilt(speech, random)
    scale = SPEECH_RMS * 10 ** (-snr / 20) / rms(background)
    floor = _QUIET * random.standard_normal(len(speech))
    mixed = (speech + scale * background + floor).astype(np.float32)
    return Scene(kind, _recorded(mixed, random), voice, spoken, chosen[0].corpus, snr)


def _one_speaker(sounds: Sequence[Sound], random: Generator) -> list[Sound]:
    """One to three clips of one speaker in one emotion."""
    first = sounds[int(random.integers(len(sounds)))]
    alike = [s for s in sounds if (s.speaker, s.emotion) == (first.speaker, first.emotion)]
    others = random.choice(len(alike), min(int(random.integers(0, 3)), len(alike)), replace=False)
    return [first, *(alike[index] for index in others)]


def _placed(
    chosen: Sequence[Sound], random: Generator
) -> tuple[Signal, tuple[tuple[int, int, NDArray[np.float32]], ...]]:
    """Clips one behind the other, at about one level, pauses between them and around them."""
    longest = int(LONGEST_SECONDS * SAMPLE_RATE)
    parts: list[Signal] = [np.zeros(int(_pause(random) * SAMPLE_RATE), np.float32)]
    spoken: list[tuple[int, int, NDArray[np.float32]]] = []
    at = len(parts[0])
    for sound in chosen:
        clip = sound.audio[: int(_LONGEST_CLIP * SAMPLE_RATE)]
        clip = clip * np.float32(SPEECH_RMS / rms(clip) * 10 ** (random.uniform(-3, 3) / 20))
        if spoken and at + len(clip) > longest:
            break
        pause = np.zeros(int(_pause(random) * SAMPLE_RATE), np.float32)
        parts += [clip, pause]
        spoken.append((at, at + len(clip), sound.truth))
        at += len(clip) + len(pause)
    return np.concatenate(parts), tuple(spoken)


def _pause(random: Generator) -> float:
    """Seconds: none, short or long."""
    return float(random.choice([0.0, random.uniform(0.1, 1.0), random.uniform(1.0, 5.0)]))


def _recorded(signal: Signal, random: Generator) -> Signal:
    """At a microphone's level, -45 to 0 dB of full scale at its peak."""
    peak = np.float32(10 ** (random.uniform(-45, 1) / 20))
    return np.clip(signal / max(float(np.abs(signal).max()), 1e-3) * peak, -1, 1)


_Background = Callable[[int, Sequence[Sound], Sequence[Signal], Generator, str], Signal]


def _noise(
    samples: int, sounds: Sequence[Sound], noises: Sequence[Signal], random: Generator, _: str = ""
) -> Signal:
    if not noises or random.random() < 0.25:
        return coloured_noise(samples, random)
    noise = noises[int(random.integers(len(noises)))]
    return np.resize(random_crop(noise, samples, random), samples)


def _babble(
    samples: int, sounds: Sequence[Sound], noises: Sequence[Signal], random: Generator, no: str = ""
) -> Signal:
    """Several talkers, none of them the speaker."""
    others = [sound for sound in sounds if sound.speaker != no] or list(sounds)
    talkers = random.choice(len(others), int(random.integers(*_TALKERS)))
    mixed = np.zeros(samples, np.float32)
    for index in talkers:
        voice = others[index].audio
        mixed += np.roll(np.resize(voice / rms(voice), samples), int(random.integers(samples)))
    return mixed


def _another(
    samples: int, sounds: Sequence[Sound], noises: Sequence[Signal], random: Generator, no: str
) -> Signal:
    """One other speaker, without pause."""
    others = [sound for sound in sounds if sound.speaker != no] or list(sounds)
    voice = others[int(random.integers(len(others)))].audio
    return np.roll(np.resize(voice, samples), int(random.integers(samples)))


def _music(
    samples: int, sounds: Sequence[Sound], noises: Sequence[Signal], random: Generator, _: str = ""
) -> Signal:
    return music(samples, random)


def _hum(
    samples: int, sounds: Sequence[Sound], noises: Sequence[Signal], random: Generator
) -> Signal:
    """Mains and a fan."""
    time = np.arange(samples) / SAMPLE_RATE
    mains = sum(np.sin(2 * np.pi * 50 * k * time) / k for k in (1, 2, 3, 5))
    return (0.3 * mains + 0.1 * coloured_noise(samples, random)).astype(np.float32)


def _silence(
    samples: int, sounds: Sequence[Sound], noises: Sequence[Signal], random: Generator
) -> Signal:
    """Digital silence, or a quiet microphone."""
    level = float(random.choice([0.0, 1e-5, 1e-4]))
    return (level * random.standard_normal(samples)).astype(np.float32)


_AROUND: dict[str, tuple[float, float, _Background]] = {
    "clean": (35, 60, _noise),
    "noise": (-10, 35, _noise),
    "babble": (-5, 30, _babble),
    "two speakers": (0, 25, _another),
    "music under speech": (-5, 30, _music),
    "room": (20, 50, _noise),
}
"""Kind -> lowest and highest SNR in dB, and what is around the speech."""

_ALONE: dict[str, Callable[[int, Sequence[Sound], Sequence[Signal], Generator], Signal]] = {
    "noise only": _noise,
    "music only": _music,
    "babble only": _babble,
    "hum only": _hum,
    "silence": _silence,
}
