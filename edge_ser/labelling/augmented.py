"""Consistent teaching by a costly teacher: labels of augmented audio, replayed by seed.

A student should learn the teacher's answer to exactly the audio that it hears. The bank of
augmented audio follows from its sources and seed alone, so that the store keeps the labels, the
seed and the hash of each item, and not the audio: `distill --labels` makes the same bank again
and finds an item's label by the hash of its samples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_ser.audio.bank import Bank, BankSpec
from edge_ser.errors import InputError
from edge_ser.labelling.answer import Engine, Task
from edge_ser.labelling.label import LabellingResult, label_tasks
from edge_ser.labelling.store import LabelStore
from edge_ser.teachers import Teacher
from edge_ser.work_folder import bind

_FOLDER = "augmented"
_RECORD = "augmentation.json"
_HINT = "give the --audio and --noise folders that were labelled, in the same order"


@dataclass(frozen=True)
class Augmentation:
    """What the labelled audio is made of.

    Attributes:
        spec: of the bank, its seed included.
        clean: whether the teacher heard the items before they were degraded.
        speech, noises: how many files each.
    """

    spec: BankSpec
    clean: bool
    speech: int
    noises: int


def augmented_store(store: Path) -> LabelStore:
    """Where the labels of augmented audio lie in a store."""
    return LabelStore(store / _FOLDER)


def label_bank(
    bank: Bank,
    augmentation: Augmentation,
    teacher: Teacher,
    store: Path,
    engine: Engine | None = None,
) -> LabellingResult:
    """Let a teacher answer every item of a bank; resumable like `label`.

    Args:
        bank: finished.
        augmentation: how it was made; kept with the labels.
        teacher: asked.
        store: label store that gets them.
        engine: where the work is done; it must see the bank's folder.

    Raises:
        InputError: the store holds labels of another augmentation.
    """
    known = augmentation_of(store)
    if known is not None and known != augmentation:
        raise InputError(
            f"{store} holds labels of audio that was augmented otherwise",
            "give the same options as then, or another --store",
        )
    labels = augmented_store(store)
    bind(labels.folder, _RECORD, asdict(augmentation))
    tasks = [
        Task(f"item {item}", digest, str(bank.folder), item, augmentation.clean)
        for item, digest in enumerate(_hashes(bank, augmentation.clean))
    ]
    return label_tasks(tasks, teacher, labels, engine)


def augmentation_of(store: Path) -> Augmentation | None:
    """How the augmented audio of a store was made; None for a store without any.

    Raises:
        InputError: the record is damaged or of another version.
    """
    record = store / _FOLDER / _RECORD
    if not record.is_file():
        return None
    try:
        values: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return Augmentation(**{**values, "spec": BankSpec(**values["spec"])})
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{record} does not say how the audio was augmented: {error}",
            "label again into a new store",
        ) from error


def replayed_answers(bank: Bank, store: Path, clean: bool) -> NDArray[np.float32]:
    """(items, 3) labels of the items of a bank that was made again.

    Raises:
        InputError: the bank is not the one that was labelled, item by item.
    """
    adv = augmented_store(store).adv_of(_hashes(bank, clean))
    unknown = int(np.isnan(adv[:, 0]).sum())
    if unknown == len(adv):
        raise InputError(
            f"none of the {len(adv)} augmented clips is one that was labelled in {store}",
            f"{_HINT}; another version of edge-ser may also augment differently",
        )
    return adv


def check_sources(augmentation: Augmentation, speech: Sequence[Any], noises: Sequence[Any]) -> None:
    """Refuse, before a bank is made, sources of another number than were labelled.

    Raises:
        InputError: more or fewer files.
    """
    found = (len(speech), len(noises))
    if found != (augmentation.speech, augmentation.noises):
        raise InputError(
            f"{found[0]} files of speech and {found[1]} of noise are not the "
            f"{augmentation.speech} and {augmentation.noises} that were labelled",
            _HINT,
        )


def _hashes(bank: Bank, clean: bool) -> list[str]:
    """SHA-256 of each item's int16 samples, little-endian, as the teacher hears it."""
    audio = bank.clean if clean else bank.audio
    if audio is None:
        raise InputError(f"the bank in {bank.folder} keeps no clean items", "build it again")
    return [
        hashlib.sha256(item.astype("<i2").tobytes()).hexdigest()
        for item in tqdm(audio, desc="hashing", unit="item", leave=False)
    ]
