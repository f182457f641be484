"""The teacher's answer for every item of an augmented bank: what a student is trained on.

With a teacher at hand it hears exactly the audio that the student will hear, mixed and
noisy, as in Wav2Small's training; or the same item before room, microphone and noise, so that
the student learns to answer as if they were not there. With stored labels only (a teacher too
costly to run again), an item inherits its clips' labels, weighted by their shares in the mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser.audio.bank import Bank
from edge_ser.audio.corpus import Clip
from edge_ser.checkpoint import sha256_of
from edge_ser.labelling.store import LabelStore
from edge_ser.teachers import Teacher
from edge_ser.work_folder import bind

Heard = Literal["degraded", "clean"]
"""Which version of an item the teacher answers on."""

_BATCH = 32
_SAVE_EVERY = 50


def answers(
    bank: Bank,
    teacher: Teacher,
    items: NDArray[np.int64],
    folder: Path,
    heard: Heard = "degraded",
) -> NDArray[np.float32]:
    """(bank items, 3) A/D/V of the chosen items, NaN elsewhere; resumable, progress bar.

    Raises:
        InputError: `folder` holds another teacher's answers, or those on other audio.
    """
    who = {"id": teacher.id, "weights_sha256": teacher.weights_sha256, "heard": heard}
    bind(folder, "teacher.json", who)
    audio_of = bank.clean_batch if heard == "clean" else bank.batch
    path = folder / "answers.npy"
    known = np.load(path) if path.is_file() else np.full((bank.spec.items, 3), np.nan, np.float32)
    missing = items[np.isnan(known[items, 0])]
    starts = range(0, len(missing), _BATCH)
    bar = tqdm(starts, desc="teaching", unit="batch", disable=not starts)
    for number, start in enumerate(bar):
        batch = missing[start : start + _BATCH]
        known[batch] = teacher.predict_batch(audio_of(batch))
        if number % _SAVE_EVERY == _SAVE_EVERY - 1:
            _save(path, known)
    if len(missing):
        _save(path, known)
    return known


def stored_answers(bank: Bank, clips: Sequence[Clip], store: LabelStore) -> NDArray[np.float32]:
    """(bank items, 3) from a label store, NaN where a clip has no label."""
    adv = store.adv_of([sha256_of(clip.path) for clip in clips])
    share = bank.share[:, None].astype(np.float32)
    first = adv[bank.first]
    second = np.where(bank.second[:, None] < 0, 0, adv[bank.second])
    return np.where(share == 1, first, share * first + (1 - share) * second)


def _save(path: Path, values: NDArray[np.float32]) -> None:
    partial = path.with_name("answers.partial.npy")
    np.save(partial, values)
    partial.replace(path)
