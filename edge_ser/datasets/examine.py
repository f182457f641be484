"""Level and duration of a corpus by class, and what a model could cheat with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.datasets.leakage import Guess, Leak, guess_from_traits, leak_of
from edge_ser.datasets.splits import speakers_on_several_sides
from edge_ser.errors import InputError

TRAITS = ("level", "duration")
UNITS = {"level": "dBFS", "duration": "s"}
_SILENCE = 1e-6
"""RMS below which a clip counts as -120 dBFS, rather than minus infinity."""


@dataclass(frozen=True)
class Measured:
    """A corpus whose audio was heard once.

    Attributes:
        clips: the readable ones.
        traits: (clips, 2) RMS level in dB below full scale, duration in seconds.
        unreadable: why the others are not there.
    """

    clips: list[Clip]
    traits: NDArray[np.float64]
    unreadable: list[str]


@dataclass(frozen=True)
class Examination:
    """What `edge-ser data check` prints.

    Attributes:
        column: whose values are the classes.
        classes: class -> {"clips", "speakers", trait: {"mean", "std", "min", "max"}}.
        leaks: one for each trait; empty with fewer than two classes.
        guess: the class from the traits alone.
        overlap: split column -> speakers on several of its sides.
        unreadable: why files could not be read.
    """

    column: str
    classes: dict[str, dict[str, Any]]
    leaks: list[Leak]
    guess: Guess | None
    overlap: dict[str, list[str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def measure(clips: Sequence[Clip]) -> Measured:
    """Hear every clip.

    Raises:
        InputError: none could be read.
    """
    from tqdm import tqdm

    good: list[Clip] = []
    rows: list[tuple[float, float]] = []
    unreadable: list[str] = []
    for clip in tqdm(clips, desc="measuring", unit="clip"):
        try:
            samples = read_audio(clip.path)
        except InputError as error:
            unreadable.append(str(error))
            continue
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        rows.append((20 * np.log10(max(rms, _SILENCE)), len(samples) / SAMPLE_RATE))
        good.append(clip)
    if not good:
        raise InputError(f"none of {len(clips)} files can be read", unreadable[0])
    return Measured(good, np.array(rows), unreadable)


def examine(
    measured: Measured, column: str = "emotion", split_columns: Sequence[str] = ()
) -> Examination:
    """Statistics by class, leaks, and speakers on several sides of a split.

    Args:
        measured: the corpus.
        column: of the manifest, whose values are the classes; clips without one do not count.
        split_columns: of the manifest, as far as it has them.
    """
    kept = [row for row, clip in enumerate(measured.clips) if clip.fields.get(column)]
    classes = [measured.clips[row].fields[column] for row in kept]
    voices = [measured.clips[row].speaker for row in kept]
    traits = measured.traits[kept]
    several = len(set(classes)) > 1
    overlap = {
        name: speakers_on_several_sides(
            measured.clips, [clip.fields.get(name, "") for clip in measured.clips]
        )
        for name in split_columns
        if any(clip.fields.get(name) for clip in measured.clips)
    }
    return Examination(
        column=column,
        classes=_by_class(traits, classes, voices),
        leaks=[leak_of(name, traits[:, axis], classes) for axis, name in enumerate(TRAITS)]
        if several
        else [],
        guess=guess_from_traits(traits, classes, voices) if several and all(voices) else None,
        overlap=overlap,
        unreadable=measured.unreadable,
    )


def _by_class(
    traits: NDArray[np.float64], classes: Sequence[str], voices: Sequence[str]
) -> dict[str, dict[str, Any]]:
    labels = np.array(classes)
    table: dict[str, dict[str, Any]] = {}
    for name, clips in sorted(Counter(classes).items()):
        chosen = labels == name
        spoken_by = {voice for voice, mine in zip(voices, chosen, strict=True) if mine and voice}
        table[name] = {"clips": clips, "speakers": len(spoken_by)}
        for axis, trait in enumerate(TRAITS):
            values = traits[chosen, axis]
            table[name][trait] = {
                "mean": float(values.mean()),
                "std": float(values.std()),
                "min": float(values.min()),
                "max": float(values.max()),
            }
    return table
