"""A bank of augmented training clips, made once and drawn from many times.

Augmentation costs more than a small network's forward pass, and a cross-validation trains
many networks on the same audio: so the augmented clips are written once, as int16 in a
memory-mapped array that every training process shares. Item k depends on (seed, k) alone,
which makes a bank reproducible, resumable and safe to build in parallel.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.augment import (
    Signal,
    change_speed,
    degrade,
    mix,
    random_crop,
    repeat_to,
)
from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.work_folder import bind

_CHUNK = 256
_UNMIXED = -1
_AUDIO, _CLEAN = "audio.npy", "clean.npy"
_CLEAN_PEAK = 0.5
_KEPT_CLIPS = 2_000
"""Decoded clips that a worker keeps at most: some 200 MB of speech."""


@dataclass(frozen=True)
class BankSpec:
    """What an augmented bank holds.

    Attributes:
        items: clips in the bank.
        seconds: length of each; longer files are cropped, shorter ones repeated.
        shortest: seconds of the shortest crop; every item is a crop of random length repeated
            to `seconds`, so that duration tells nothing about the class.
        mixed: share of items that are two clips mixed (mixup).
        seed: of everything random.
        channel: chance that an item passes a strong channel (`augment.degrade`).
        with_clean: also keep every item as it was before it was degraded.
    """

    items: int
    seconds: float = 2.0
    shortest: float = 1.0
    mixed: float = 0.0
    seed: int = 0
    channel: float = 0.0
    with_clean: bool = False

    @property
    def samples(self) -> int:
        """Samples per item."""
        return int(self.seconds * SAMPLE_RATE)


@dataclass(frozen=True)
class Recipe:
    """What item k is made of: one clip, or two with the first one's share."""

    first: int
    second: int
    share: float


@dataclass(frozen=True)
class Bank:
    """An augmented bank on disk.

    Attributes:
        folder: where it lies.
        spec: how it was made.
        audio: (items, samples) int16, memory-mapped; full scale is 32767.
        clean: the same items before they were degraded, or None.
        first, second: (items,) indices of the source clips; `second` is -1 where unmixed.
        share: (items,) weight of the first clip.
    """

    folder: Path
    spec: BankSpec
    audio: NDArray[np.int16]
    clean: NDArray[np.int16] | None
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    share: NDArray[np.float64]

    def batch(self, items: NDArray[np.int64]) -> Signal:
        """(len(items), samples) float32 in [-1, 1]."""
        return _as_float(self.audio[items])

    def clean_batch(self, items: NDArray[np.int64]) -> Signal:
        """The same items before room, microphone and noise: (len(items), samples) float32.

        Raises:
            ValueError: the bank was made without them.
        """
        if self.clean is None:
            raise ValueError(f"the bank in {self.folder} keeps no clean items")
        return _as_float(self.clean[items])

    def made_only_of(self, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Items all of whose source clips are allowed, e.g. those of the training speakers."""
        mixed = self.second != _UNMIXED
        return np.flatnonzero(allowed[self.first] & (~mixed | allowed[self.second]))


def _as_float(audio: NDArray[np.int16]) -> Signal:
    return audio.astype(np.float32) / np.float32(32767)


def _as_int16(signal: Signal) -> NDArray[np.int16]:
    return np.round(signal * 32767).astype(np.int16)


def recipes(spec: BankSpec, weights: NDArray[np.float64]) -> list[Recipe]:
    """The make-up of every item: all clips in turn, more often the heavier their weight."""
    random = np.random.default_rng([spec.seed, 0xBA9C])
    chance = weights / weights.sum()
    first = random.choice(len(weights), spec.items, p=chance)
    second = random.choice(len(weights), spec.items, p=chance)
    second[random.random(spec.items) >= spec.mixed] = _UNMIXED
    share = random.uniform(0.5, 0.95, spec.items)
    share[second == _UNMIXED] = 1.0
    return [Recipe(int(a), int(b), float(s)) for a, b, s in zip(first, second, share, strict=True)]


def open_or_build(
    folder: Path,
    spec: BankSpec,
    clips: Sequence[Clip],
    weights: NDArray[np.float64],
    noises: Sequence[Clip],
    workers: int = 2,
) -> Bank:
    """The bank in `folder`, completed first if it is not there or a run was killed.

    Args:
        folder: created if needed.
        spec: size and seed.
        clips: sources.
        weights: (clips,) relative frequency of each source.
        noises: background noise files.
        workers: processes.

    Raises:
        InputError: the folder holds a bank of other audio or another spec, or a file cannot be
            read; `edge_ser.audio.readable` finds those beforehand.
    """
    made_of = {"spec": asdict(spec), "clips": _names(clips), "noises": _names(noises)}
    bind(folder, "bank.json", made_of)
    plan = recipes(spec, weights)
    _build_missing(folder, spec, plan, clips, noises, workers)
    return open_bank(folder)


def is_bank_of(folder: Path, clips: Sequence[Clip], noises: Sequence[Clip]) -> bool:
    """Whether `folder` holds a bank, finished or not, of exactly these files."""
    record = folder / "bank.json"
    if not record.is_file():
        return False
    made_of = json.loads(record.read_text())
    return bool(made_of["clips"] == _names(clips) and made_of["noises"] == _names(noises))


def _names(clips: Sequence[Clip]) -> list[str]:
    return [f"{clip.corpus}/{clip.name}" for clip in clips]


def open_bank(folder: Path) -> Bank:
    """A finished bank, e.g. from another process than the one that built it."""
    spec = BankSpec(**json.loads((folder / "bank.json").read_text())["spec"])
    audio = np.lib.format.open_memmap(folder / _AUDIO, mode="r")
    clean = np.lib.format.open_memmap(folder / _CLEAN, mode="r") if spec.with_clean else None
    with np.load(folder / "plan.npz") as plan:
        return Bank(folder, spec, audio, clean, plan["first"], plan["second"], plan["share"])


def _build_missing(
    folder: Path,
    spec: BankSpec,
    plan: list[Recipe],
    clips: Sequence[Clip],
    noises: Sequence[Clip],
    workers: int,
) -> None:
    from tqdm import tqdm

    chunks = range(0, spec.items, _CHUNK)
    missing = [start for start in chunks if not _done(folder, start).is_file()]
    if not missing:
        return
    shape = (spec.items, spec.samples)
    for name in (_AUDIO, _CLEAN) if spec.with_clean else (_AUDIO,):
        if not (folder / name).is_file():
            np.lib.format.open_memmap(folder / name, mode="w+", dtype=np.int16, shape=shape)
    np.savez(
        folder / "plan.npz",
        first=np.array([recipe.first for recipe in plan]),
        second=np.array([recipe.second for recipe in plan]),
        share=np.array([recipe.share for recipe in plan]),
    )
    decoded = [read_audio(clip.path) for clip in noises]  # here, where a bad file can be named
    context = (folder, spec, plan, clips, decoded)
    with ProcessPoolExecutor(workers, initializer=_start_worker, initargs=context) as pool:
        done = pool.map(_build_chunk, missing)
        for _ in tqdm(done, total=len(missing), desc="augmenting", unit="chunk"):
            pass


def _done(folder: Path, start: int) -> Path:
    return folder / f"chunk-{start:07d}.done"


class _Worker:
    """State of one worker process: the latest decoded clips are kept."""

    def __init__(
        self,
        folder: Path,
        spec: BankSpec,
        plan: list[Recipe],
        clips: Sequence[Clip],
        noises: Sequence[Signal],
    ) -> None:
        self.folder, self.spec, self.plan, self.clips = folder, spec, plan, clips
        self.noises = noises
        self.decoded = lru_cache(_KEPT_CLIPS)(self._decode)

    def _decode(self, index: int) -> NDArray[np.int16]:
        audio = read_audio(self.clips[index].path)
        return _as_int16(np.clip(audio, -1, 1))

    def source(self, index: int) -> Signal:
        return _as_float(self.decoded(index))

    def item(self, k: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Item k as it is heard, and as it was before it was degraded."""
        recipe, random = self.plan[k], np.random.default_rng([self.spec.seed, k])
        signal = self._varied(recipe.first, random)
        if recipe.second != _UNMIXED:
            signal = mix(signal, self._varied(recipe.second, random), recipe.share)
        clean = signal * (_CLEAN_PEAK / (np.abs(signal).max() + 1e-9))
        heard = degrade(signal, self.noises, random, self.spec.channel)
        return _as_int16(heard), _as_int16(clean)

    def _varied(self, index: int, random: Generator) -> Signal:
        signal = change_speed(self.source(index), random)
        length = int(random.uniform(self.spec.shortest, self.spec.seconds) * SAMPLE_RATE)
        return repeat_to(random_crop(signal, length, random), self.spec.samples)


_worker: _Worker


def _start_worker(
    folder: Path,
    spec: BankSpec,
    plan: list[Recipe],
    clips: Sequence[Clip],
    noises: Sequence[Signal],
) -> None:
    global _worker
    _worker = _Worker(folder, spec, plan, clips, noises)


def _build_chunk(start: int) -> None:
    folder, spec = _worker.folder, _worker.spec
    audio = np.lib.format.open_memmap(folder / _AUDIO, mode="r+")
    clean = np.lib.format.open_memmap(folder / _CLEAN, mode="r+") if spec.with_clean else None
    for k in range(start, min(start + _CHUNK, spec.items)):
        audio[k], before = _worker.item(k)
        if clean is not None:
            clean[k] = before
    audio.flush()
    if clean is not None:
        clean.flush()
    _done(_worker.folder, start).touch()
