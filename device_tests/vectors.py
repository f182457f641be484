"""Test vectors for the C engine: short signals and how they are cut into chunks.

What breaks arithmetic on a new core: speech, silence, full-scale square waves, clipping, single
impulses, white noise, direct current, and chunks of every odd size. The same seed gives the same
vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.errors import InputError
from edge_ser.runtime.c import to_pcm

Pcm = NDArray[np.int16]

LONGEST_SECONDS = 0.25
_SHORTEST = 160
_CHUNKS = (1, 7, 31, 32, 33, 64, 100, 255, 257, 511, 512)
_LEAST_SPEECH = SAMPLE_RATE // 2


@dataclass(frozen=True)
class Vector:
    """One signal.

    Attributes:
        name: kind and number.
        pcm: (samples,) int16, 16 kHz.
        chunk: samples pushed at once.
        level: fixed (mean, variance) of samples / 32768, or None for the running level.
    """

    name: str
    pcm: Pcm
    chunk: int
    level: tuple[float, float] | None = None


def short_vectors(
    speech: Sequence[NDArray[np.float32]],
    count: int,
    seed: int = 0,
    longest: float = LONGEST_SECONDS,
) -> list[Vector]:
    """Vectors of 10 ms to `longest` seconds, kinds in turn.

    Args:
        speech: clips to cut from, each (samples,) float32 at 16 kHz, half a second or longer.
        count: how many.
        seed: of lengths, places, noise and chunk sizes.
        longest: seconds.

    Raises:
        InputError: no speech long enough.
    """
    usable = [clip for clip in speech if len(clip) >= _LEAST_SPEECH]
    if not usable:
        raise InputError("no clip of half a second or more to cut vectors from", "give --audio")
    random = np.random.default_rng(seed)
    kinds = list(_KINDS)
    vectors = []
    for index in range(count):
        kind = kinds[index % len(kinds)]
        samples = int(random.integers(_SHORTEST, round(longest * SAMPLE_RATE) + 1))
        pcm = _KINDS[kind](_cut(usable, samples, random), random)
        level = level_of(pcm) if index % 3 == 2 else None
        vectors.append(Vector(f"{kind} {index}", pcm, int(random.choice(_CHUNKS)), level))
    return vectors


def clip_vectors(speech: Sequence[NDArray[np.float32]], count: int, seconds: float) -> list[Vector]:
    """Whole clips with their own level, as offline: the first ones, cut or repeated to a length."""
    chosen = [to_pcm(np.resize(clip, round(seconds * SAMPLE_RATE))) for clip in speech[:count]]
    return [Vector(f"clip {index}", pcm, 512, level_of(pcm)) for index, pcm in enumerate(chosen)]


def level_of(pcm: Pcm) -> tuple[float, float]:
    """Mean and variance of samples / 32768."""
    audio = pcm / 32_768.0
    return float(audio.mean()), float(audio.var())


def _cut(speech: Sequence[NDArray[np.float32]], samples: int, random: np.random.Generator) -> Pcm:
    clip = speech[int(random.integers(len(speech)))]
    start = int(random.integers(len(clip) - samples + 1))
    return to_pcm(clip[start : start + samples])


def _speech(pcm: Pcm, _: np.random.Generator) -> Pcm:
    return pcm


def _silence(pcm: Pcm, _: np.random.Generator) -> Pcm:
    return np.zeros_like(pcm)


def _clipping(pcm: Pcm, _: np.random.Generator) -> Pcm:
    loud = pcm.astype(np.int64) * 64
    return np.clip(loud, -32_768, 32_767).astype(np.int16)


def _square(pcm: Pcm, random: np.random.Generator) -> Pcm:
    half = int(random.integers(1, 200))
    high = np.arange(len(pcm)) // half % 2 == 0
    return np.where(high, 32_767, -32_768).astype(np.int16)


def _impulse(pcm: Pcm, random: np.random.Generator) -> Pcm:
    signal = np.zeros_like(pcm)
    signal[int(random.integers(len(signal)))] = -32_768
    return signal


def _noise(pcm: Pcm, random: np.random.Generator) -> Pcm:
    return random.integers(-32_768, 32_768, len(pcm)).astype(np.int16)


def _direct_current(pcm: Pcm, random: np.random.Generator) -> Pcm:
    return np.full_like(pcm, int(random.integers(-32_768, 32_768)))


def _faint(pcm: Pcm, random: np.random.Generator) -> Pcm:
    return random.integers(-2, 3, len(pcm)).astype(np.int16)


_KINDS: dict[str, Callable[[Pcm, np.random.Generator], Pcm]] = {
    "speech": _speech,
    "silence": _silence,
    "clipping": _clipping,
    "full-scale square": _square,
    "impulse": _impulse,
    "white noise": _noise,
    "more speech": _speech,
    "direct current": _direct_current,
    "faint noise": _faint,
}
