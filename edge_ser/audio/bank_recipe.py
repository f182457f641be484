"""Which augmented bank a student learns from: speech, noise, and how it is augmented."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ser.audio.bank import Bank, BankSpec, is_bank_of, open_or_build
from edge_ser.audio.corpus import Clip, read_corpus
from edge_ser.audio.files import AUDIO_SUFFIXES
from edge_ser.audio.readable import only_readable
from edge_ser.errors import InputError

_SHORTEST = 0.8
"""Seconds of the shortest crop."""


def student_bank(
    items: int, seconds: float, mixed: float, seed: int, channel: float, with_clean: bool
) -> BankSpec:
    """What a student's bank holds; the arguments are `BankSpec`'s."""
    return BankSpec(
        items=items,
        seconds=seconds,
        shortest=min(_SHORTEST, seconds),
        mixed=mixed,
        seed=seed,
        channel=channel,
        with_clean=with_clean,
    )


@dataclass(frozen=True)
class BankRecipe:
    """Sources and augmentation.

    Attributes:
        audio: folders of speech.
        noise: folder of background noise.
        folder: where the bank is kept.
        spec: what it holds.
        jobs: processes that augment.
    """

    audio: tuple[Path, ...]
    noise: Path | None
    folder: Path
    spec: BankSpec
    jobs: int

    def sources(self, quiet: bool = False) -> tuple[list[Clip], list[Clip]]:
        """Speech and noise that can be read; `quiet` tells of no bad file.

        Files are decoded to find that out, unless a bank of exactly these files exists already.

        Raises:
            InputError: a corpus cannot be used, or no speech is left.
        """
        clips = [clip for folder in self.audio for clip in read_corpus(folder)]
        noises = read_corpus(self.noise) if self.noise else []
        if is_bank_of(self.folder, clips, noises):
            return clips, noises
        clips = only_readable(clips, quiet)
        noises = only_readable(noises, quiet) if noises else []
        if not clips:
            raise InputError(
                f"none of the files in {', '.join(map(str, self.audio))} can be read",
                f"supported files: {', '.join(AUDIO_SUFFIXES)}",
            )
        return clips, noises

    def build(self, clips: Sequence[Clip], noises: Sequence[Clip]) -> Bank:
        """The bank, completed first if need be; errors as of `open_or_build`."""
        return open_or_build(self.folder, self.spec, clips, _weights(clips), noises, self.jobs)


def _weights(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Each corpus gets the same total weight, whatever its size."""
    sizes = Counter(clip.corpus for clip in clips)
    return np.array([1 / sizes[clip.corpus] for clip in clips])
