"""Let a teacher annotate audio files into a label store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from tqdm import tqdm

from edge_ser.audio.corpus import Clip
from edge_ser.checkpoint import sha256_of
from edge_ser.labelling.answer import Engine, Outcome, Task, answer
from edge_ser.labelling.quarantine import Quarantine, Quarantined
from edge_ser.labelling.store import LabelRow, LabelStore
from edge_ser.teachers import Teacher

_ROWS_PER_PART = 256
_HASHING_THREADS = 4


@dataclass(frozen=True)
class LabellingResult:
    """How a run went.

    Attributes:
        labelled: new rows.
        known: files whose audio this teacher has labelled before, copies among them.
        quarantined: files that could not be labelled, now or in an earlier run.
    """

    labelled: int
    known: int
    quarantined: list[Quarantined]


def label(
    clips: Sequence[Clip], teacher: Teacher, store: LabelStore, engine: Engine | None = None
) -> LabellingResult:
    """Label what this teacher has not labelled yet; what cannot be labelled is quarantined.

    Args:
        clips: files.
        teacher: whose labels these are.
        store: extended part by part.
        engine: where the work is done; in this process by default.

    Raises:
        GateFailed: a worker died; what was labelled before is kept.
    """
    tasks, unreadable = _tasks(clips)
    for entry in unreadable:
        Quarantine(store.folder).add(entry)
    result = label_tasks(tasks, teacher, store, engine)
    return replace(result, quarantined=[*unreadable, *result.quarantined])


def label_tasks(
    tasks: Sequence[Task], teacher: Teacher, store: LabelStore, engine: Engine | None = None
) -> LabellingResult:
    """`label` for audio whose hash is known."""
    quarantine = Quarantine(store.folder)
    done, barred = store.labelled(teacher.weights_sha256), quarantine.hashes()
    fresh = {
        task.audio_sha256: task
        for task in tasks
        if task.audio_sha256 not in done and task.audio_sha256 not in barred
    }
    labelled = _run(list(fresh.values()), teacher, store, quarantine, engine)
    hashes = {task.audio_sha256 for task in tasks}
    bad = [entry for entry in quarantine.entries() if entry.audio_sha256 in hashes]
    named = {entry.audio_sha256 for entry in bad}
    good = sum(task.audio_sha256 not in named for task in tasks)
    return LabellingResult(labelled, good - labelled, bad)


def _tasks(clips: Sequence[Clip]) -> tuple[list[Task], list[Quarantined]]:
    """Files with the hashes of their bytes, and those whose bytes cannot be read at all."""
    tasks, unreadable = [], []
    with ThreadPoolExecutor(_HASHING_THREADS) as pool:
        hashes = pool.map(_hash, clips)
        for clip, digest in zip(
            clips, tqdm(hashes, total=len(clips), desc="hashing", unit="clip"), strict=True
        ):
            if isinstance(digest, OSError):
                # Without bytes there is no hash of them: the path stands in.
                name = hashlib.sha256(str(clip.path).encode()).hexdigest()
                unreadable.append(Quarantined(name, str(clip.path), str(digest)))
            else:
                tasks.append(Task(str(clip.path), digest))
    return tasks, unreadable


def _hash(clip: Clip) -> str | OSError:
    try:
        return sha256_of(clip.path)
    except OSError as error:
        return error


def _run(
    tasks: Sequence[Task],
    teacher: Teacher,
    store: LabelStore,
    quarantine: Quarantine,
    engine: Engine | None,
) -> int:
    """Rows written."""
    if not tasks:
        return 0
    outcomes = engine(tasks) if engine else (answer(task, teacher) for task in tasks)
    pending: list[LabelRow] = []
    labelled = 0
    try:
        bar = tqdm(outcomes, total=len(tasks), desc="labelling", unit="clip")
        for row in _rows(bar, quarantine):
            pending.append(row)
            labelled += 1
            if len(pending) == _ROWS_PER_PART:
                store.append(pending)
                pending.clear()
    finally:
        store.append(pending)  # also when interrupted: what is labelled stays labelled
    return labelled


def _rows(outcomes: Iterable[Outcome], quarantine: Quarantine) -> Iterator[LabelRow]:
    """The rows; what has none goes into quarantine on the way."""
    for outcome in outcomes:
        if outcome.row is not None:
            yield outcome.row
        else:
            task = outcome.task
            quarantine.add(Quarantined(task.audio_sha256, task.path, outcome.reason))
