"""What scenes are made of: clips with the teacher's values, noises, both dealt into folds.

A fold has speakers and noises of its own, so that a model fitted to the others is judged on
people and sounds that it does not know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from tqdm import tqdm

from edge_ser import SAMPLE_RATE
from edge_ser.audio.augment import Signal
from edge_ser.audio.corpus import Clip, check_distinct, read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.confidence.scenes import KINDS, Scene, Sound, make_scene
from edge_ser.errors import InputError
from edge_ser.teachers import Teacher
from edge_ser.teachers.embedded import SHORTEST_SECONDS

FOLDS = 5
CLIPS_PER_SPEAKER = 6
"""Of a corpus without emotion labels; one with labels is taken whole."""


@dataclass(frozen=True)
class Fold:
    """Speakers and noises that no other fold has.

    Attributes:
        sounds: speech by corpus.
        noises: backgrounds.
    """

    sounds: dict[str, list[Sound]]
    noises: list[Signal]

    def scene(self, random: Generator) -> Scene:
        """Draw one; every corpus is as likely as any other."""
        kinds = list(KINDS)
        kind = str(random.choice(kinds, p=np.array([KINDS[k] for k in kinds])))
        corpora = sorted(self.sounds)
        corpus = corpora[int(random.integers(len(corpora)))]
        return make_scene(kind, self.sounds[corpus], self.noises, random)


def load_speech(folders: Sequence[Path], teacher: Teacher, random: Generator) -> list[Sound]:
    """Clips of known speakers with the teacher's values of them.

    Raises:
        InputError: an unusable folder or file, or no clip whose speaker is known.
    """
    check_distinct(folders)
    chosen = [clip for folder in folders for clip in _choose(read_corpus(folder), random)]
    if not chosen:
        raise InputError(
            "no clip names its speaker",
            "give each folder a manifest.csv with the columns path and speaker",
        )
    sounds = []
    for clip in tqdm(chosen, desc="teacher on clean clips", unit="clip", disable=None):
        audio = read_audio(clip.path)
        if len(audio) >= SHORTEST_SECONDS * SAMPLE_RATE:
            truth = teacher.predict(audio)
            emotion = clip.fields.get("emotion", "")
            sounds.append(Sound(audio, truth, clip.speaker, clip.corpus, emotion))
    return sounds


def _choose(clips: Iterable[Clip], random: Generator) -> list[Clip]:
    """All labelled clips, a few of each speaker of the others; unknown speakers are left out."""
    by_speaker = defaultdict(list)
    for clip in clips:
        if clip.speaker:
            by_speaker[clip.speaker].append(clip)
    chosen = []
    for speaker in sorted(by_speaker):
        own = by_speaker[speaker]
        if not any(clip.fields.get("emotion") for clip in own):
            own = [own[index] for index in random.permutation(len(own))[:CLIPS_PER_SPEAKER]]
        chosen += own
    return chosen


def deal(
    sounds: Sequence[Sound], noises: Sequence[Signal], folds: int, random: Generator
) -> list[Fold]:
    """Speakers of each corpus, and noises, into folds of about one size.

    Raises:
        InputError: a corpus with fewer speakers than folds, or fewer noises than folds.
    """
    if 0 < len(noises) < folds:
        raise InputError(f"{len(noises)} noise files cannot be shared by {folds} folds")
    dealt = [Fold({}, []) for _ in range(folds)]
    by_corpus: dict[str, dict[str, list[Sound]]] = defaultdict(lambda: defaultdict(list))
    for sound in sounds:
        by_corpus[sound.corpus][sound.speaker].append(sound)
    for corpus, speakers in sorted(by_corpus.items()):
        if len(speakers) < folds:
            raise InputError(f"{corpus} has {len(speakers)} speakers; {folds} are needed at least")
        for position, index in enumerate(random.permutation(len(speakers))):
            own = speakers[sorted(speakers)[index]]
            dealt[position % folds].sounds.setdefault(corpus, []).extend(own)
    for position, index in enumerate(random.permutation(len(noises))):
        dealt[position % folds].noises.append(noises[index])
    return dealt


def load_noises(folder: Path | None) -> list[Signal]:
    """All files of a noise folder; none without one."""
    if folder is None:
        return []
    return [read_audio(clip.path) for clip in read_corpus(folder)]


def scene_generator(seed: int, number: int) -> Generator:
    """A scene depends on the seed and its number alone."""
    return np.random.default_rng([seed, number])
