"""The clips of a drift measurement: which files, in which order, cut to which length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ser.audio.corpus import Clip, read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.drift.measure import DriftClip
from edge_ser.errors import InputError


def to_window(audio: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Exactly `samples`: the start of a longer clip, a shorter one repeated, never zeros.

    The hybrid TFLite file takes one length only; a clip of any other length would be
    measured through the backbone and the host instead, and the file never run.
    """
    return np.resize(audio, samples)


@dataclass(frozen=True)
class FileClips:
    """Clips on disk that can be gone through many times, decoded one at a time.

    Attributes:
        files: in the order of measurement.
        window: samples that each is cut or repeated to; None leaves them as they are.
    """

    files: tuple[Clip, ...]
    window: int | None

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[DriftClip]:
        for clip in self.files:
            audio = read_audio(clip.path)
            yield DriftClip(
                name_of(clip), audio if self.window is None else to_window(audio, self.window)
            )


def name_of(clip: Clip) -> str:
    """Unique over corpora and the same on every machine: `emodb/audio/03a01Fa.flac`."""
    return f"{clip.corpus}/{clip.name}"


def find_files(folders: Sequence[Path], limit: int | None) -> tuple[Clip, ...]:
    """The clips of all folders, at most `limit` of them, spread evenly.

    Raises:
        InputError: a folder has no audio, two folders have the same name, or limit < 1.
    """
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit} leaves no clips", "give a number of 1 or more")
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) != len(names):
        raise InputError(
            f"two audio folders share a name: {', '.join(sorted(names))}",
            "clips are named FOLDER/FILE; rename one folder",
        )
    found = [clip for folder in folders for clip in read_corpus(folder.resolve())]
    return tuple(spread(found, limit))


def spread(items: Sequence[Clip], limit: int | None) -> list[Clip]:
    """At most `limit` of them, evenly spaced, the first included."""
    if limit is None or len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]
