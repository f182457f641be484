"""Let a teacher annotate audio files into a label store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from edge_ser import SAMPLE_RATE
from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.checkpoint import sha256_of
from edge_ser.distillation.label_store import LabelRow, LabelStore
from edge_ser.errors import InputError
from edge_ser.teachers import Teacher

_ROWS_PER_PART = 256


@dataclass(frozen=True)
class LabellingResult:
    """How a run went: newly labelled, already there, and (path, reason) of the unreadable."""

    labelled: int
    known: int
    unreadable: list[tuple[str, str]]


def label(clips: Sequence[Clip], teacher: Teacher, store: LabelStore) -> LabellingResult:
    """Label what this teacher has not labelled yet; unreadable files are listed and skipped."""
    done = store.labelled(teacher.weights_sha256)
    pending: list[LabelRow] = []
    unreadable: list[tuple[str, str]] = []
    labelled = known = 0
    for clip in tqdm(clips, desc="labelling", unit="clip"):
        try:
            row = _row(clip.path, teacher, done)
        except (InputError, OSError) as error:
            unreadable.append((str(clip.path), str(error)))
            continue
        if row is None:
            known += 1
            continue
        done.add(row.audio_sha256)
        pending.append(row)
        labelled += 1
        if len(pending) == _ROWS_PER_PART:
            store.append(pending)
            pending.clear()
    store.append(pending)
    store.write_unreadable(unreadable)
    return LabellingResult(labelled, known, unreadable)


def _row(path: Path, teacher: Teacher, done: set[str]) -> LabelRow | None:
    audio_sha256 = sha256_of(path)
    if audio_sha256 in done:
        return None
    audio = read_audio(path)
    arousal, dominance, valence = (float(value) for value in teacher.predict(audio))
    return LabelRow(
        audio_sha256,
        str(path),
        round(len(audio) / SAMPLE_RATE, 4),
        arousal,
        dominance,
        valence,
        teacher.id,
        teacher.weights_sha256,
        teacher.licence,
    )
