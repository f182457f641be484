"""Recordings that are mixed into clips: speech of others, noises, music, coughs, sneezes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser.audio.corpus import Clip, read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError
from edge_ser.evaluation.robustness.perturbation import Signal

_CATEGORY_COLUMNS = ("category", "label", "class", "emotion_raw")
_COUGH, _SNEEZE = "cough", "sneez"
_STATIONARY = ("white_noise", "pink_noise")
"""Of Speech Commands' backgrounds: white noise has a row of its own."""

_SILENT_DB = -40.0
_KEPT_FILES = 64


@dataclass(frozen=True)
class Sources:
    """What can be mixed into clips; what is empty cannot be measured.

    Attributes:
        speech: of other people than the clips', for babble.
        environment: noises of places, machines, weather, animals.
        music: recordings; empty takes synthetic music.
        coughs, sneezes: one or several in a file.
    """

    speech: tuple[Path, ...] = ()
    environment: tuple[Path, ...] = ()
    music: tuple[Path, ...] = ()
    coughs: tuple[Path, ...] = ()
    sneezes: tuple[Path, ...] = ()

    @classmethod
    def from_folders(
        cls,
        babble: Path | None = None,
        noise: Path | None = None,
        music: Path | None = None,
        coughs: Path | None = None,
        sneezes: Path | None = None,
        evaluated: Sequence[Clip] = (),
    ) -> Sources:
        """Sources in folders of audio, with or without a `manifest.csv`.

        Args:
            babble: speech; what the evaluated clips' speakers say in it is left out.
            noise: noises; where a manifest's column `category`, `label`, `class` or
                `emotion_raw` says that a file is a cough or a sneeze, as ESC-10's and ESC-50's
                do, it serves as such and not as an environment.
            music: songs or pieces; None for synthetic music.
            coughs, sneezes: folders of their own, besides those that `noise` has.
            evaluated: clips that will be perturbed.

        Raises:
            InputError: a folder is not there, empty, its manifest cannot be used, or nobody
                speaks in `babble` but the evaluated clips' speakers.
        """
        noises = read_corpus(noise) if noise else []
        return cls(
            speech=_of_others(babble, evaluated) if babble else (),
            environment=_paths([clip for clip in noises if _is_environment(clip)]),
            music=_files(music),
            coughs=_files(coughs) + _paths([clip for clip in noises if _is(clip, _COUGH)]),
            sneezes=_files(sneezes) + _paths([clip for clip in noises if _is(clip, _SNEEZE)]),
        )


def _files(folder: Path | None) -> tuple[Path, ...]:
    return _paths(read_corpus(folder)) if folder else ()


def _of_others(folder: Path, evaluated: Sequence[Clip]) -> tuple[Path, ...]:
    """Speech of nobody whose clips are evaluated: their own voice would be no babble.

    Speakers are told apart by manifests; where they are unknown, by the files alone.
    """
    files = {clip.path.resolve() for clip in evaluated}
    speakers = {clip.speaker for clip in evaluated} - {""}
    others = [
        clip
        for clip in read_corpus(folder)
        if clip.path.resolve() not in files and clip.speaker not in speakers
    ]
    if not others:
        raise InputError(
            f"{folder} holds speech of nobody but the people who are evaluated",
            "give a folder of other people's speech for the babble",
        )
    return _paths(others)


def _paths(clips: Sequence[Clip]) -> tuple[Path, ...]:
    return tuple(clip.path for clip in clips)


def _is(clip: Clip, kind: str) -> bool:
    return any(kind in clip.fields.get(column, "").lower() for column in _CATEGORY_COLUMNS)


def _is_environment(clip: Clip) -> bool:
    return not any(_is(clip, kind) for kind in (_COUGH, _SNEEZE, *_STATIONARY))


def excerpt(files: Sequence[Path], samples: int, random: Generator) -> Signal:
    """(samples,) of one of the files, from any loud sample on, repeated as needed.

    Recordings hold pauses; an excerpt of nothing would count as noise that changes nothing.

    Raises:
        InputError: a file cannot be read, or is silent.
    """
    recording = event(files, random)
    start = int(random.choice(loud_samples(recording)))
    return np.resize(np.roll(recording, -start), samples)


def event(files: Sequence[Path], random: Generator) -> Signal:
    """One of the files without the silence around what it records; raises as `excerpt` does."""
    return _recording(files[int(random.integers(len(files)))])


def loud_samples(recording: Signal) -> NDArray[np.intp]:
    """Indices of the samples above -40 dB of the peak; none of digital silence."""
    magnitude = np.abs(recording)
    return np.flatnonzero(magnitude > magnitude.max() * 10 ** (_SILENT_DB / 20))


@lru_cache(_KEPT_FILES)
def _recording(path: Path) -> Signal:
    recording = read_audio(path)
    loud = loud_samples(recording)
    if not len(loud):
        raise InputError(f"{path} is silent: there is nothing to mix in", "remove the file")
    return recording[loud[0] : loud[-1] + 1]
