"""Candidate clips of a corpus: decoded, labelled by the teacher, measured, hashed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.cache import CalibrationClip
from edge_ser import SAMPLE_RATE
from edge_ser.audio.corpus import Clip, corpus_name, licence_of, read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.checkpoint import sha256_of
from edge_ser.errors import EdgeSerError, InputError

Labeller = Callable[[NDArray[np.float32]], ArrayLike]
"""(samples,) float32, 16 kHz -> (3,) arousal, dominance, valence."""

LONGEST_SECONDS = 10.0
"""Longer recordings give their middle: a range needs the loud and the soft, not the hour."""

SHORTEST_SECONDS = 0.5

CANDIDATES_PER_CORPUS = 600
"""Evenly spaced over the names: enough to cover the label space, labelled in minutes."""


@dataclass(frozen=True)
class Candidate:
    """A clip that calibration may choose.

    Attributes:
        path: the file.
        record: what the cache says of it.
        speaker: '' when unknown.
        level_db: RMS in dB of full scale.
    """

    path: Path
    record: CalibrationClip
    speaker: str
    level_db: float


def calibration_audio(path: Path) -> NDArray[np.float32]:
    """(samples,) float32 of a candidate file: at most its middle `LONGEST_SECONDS`."""
    audio = read_audio(path)
    longest = round(LONGEST_SECONDS * SAMPLE_RATE)
    start = max(0, (len(audio) - longest) // 2)
    return audio[start : start + longest]


def candidates(
    corpora: Sequence[Path],
    label: Labeller,
    licences: Mapping[str, str] | None = None,
    per_corpus: int = CANDIDATES_PER_CORPUS,
    progress: bool = False,
) -> list[Candidate]:
    """Decode and label the candidate clips of some folders.

    Args:
        corpora: folders of audio, see `edge_ser.audio.corpus`.
        label: the teacher.
        licences: corpus name -> licence, instead of the one that `licence_of` finds; a manifest
            column `licence` goes first.
        per_corpus: at most this many clips of each folder, evenly spaced over its names.
        progress: show a bar on standard error.

    Raises:
        InputError: a folder is missing or nothing in it can be used.
    """
    chosen = [clip for folder in corpora for clip in _spread(read_corpus(folder), per_corpus)]
    stated = {corpus_name(folder): licence_of(folder)["licence"] for folder in corpora}
    stated.update(licences or {})
    found, unusable = [], 0
    for clip in _with_bar(chosen, progress):
        try:
            found.append(_candidate(clip, label, stated))
        except EdgeSerError as error:
            unusable += 1
            print(f"calibration: skipped: {error}", file=sys.stderr)
    if not found:
        raise InputError(
            f"none of {unusable} files can be used for calibration",
            f"give speech of {SHORTEST_SECONDS} s or longer",
        )
    return found


def _spread(clips: list[Clip], count: int) -> list[Clip]:
    if len(clips) <= count:
        return clips
    return [clips[i * len(clips) // count] for i in range(count)]


def _candidate(clip: Clip, label: Labeller, licences: Mapping[str, str]) -> Candidate:
    audio = calibration_audio(clip.path)
    if len(audio) < SHORTEST_SECONDS * SAMPLE_RATE:
        raise InputError(f"{clip.path} is shorter than {SHORTEST_SECONDS} s")
    arousal, dominance, valence = (float(x) for x in np.asarray(label(audio), np.float64))
    corpus = clip.fields.get("corpus") or clip.corpus
    licence = (
        clip.fields.get("licence")
        or clip.fields.get("license")
        or licences.get(corpus)
        or licences[clip.corpus]
    )
    record = CalibrationClip(
        clip.name, sha256_of(clip.path), corpus, licence, (arousal, dominance, valence)
    )
    power = float(np.mean(np.square(audio, dtype=np.float64)))
    return Candidate(clip.path, record, clip.speaker, 10 * np.log10(power + 1e-12))


def _with_bar(clips: list[Clip], progress: bool) -> Iterator[Clip]:
    if not progress:
        return iter(clips)
    from tqdm import tqdm

    return iter(tqdm(clips, desc="labelling calibration audio", unit="clip"))
