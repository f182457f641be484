"""The clips of a drift measurement: which files, in which order, cut to which length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.corpus import Clip, read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.bundle.golden_key import GoldenKey
from edge_ser.checkpoint import sha256_of
from edge_ser.drift.measure import DriftClip
from edge_ser.errors import EnvironmentMissing, InputError

if TYPE_CHECKING:
    from edge_ser.labelling.store import TeacherIdentity

T = TypeVar("T")


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


GOLDEN = "golden"
"""Folder name under which golden clips appear in a report."""


def golden_clips(bundle: Bundle) -> list[DriftClip]:
    """The bundle's own clips at their own length, `golden/NAME`."""
    names = bundle.manifest.golden.clips
    return [DriftClip(f"{GOLDEN}/{name}", read_clip(bundle, name)) for name in names]


def golden_float_values(bundle: Bundle, artefact: str) -> dict[str, tuple[float, float, float]]:
    """What the exporter's float model gave for the golden clips, by name of the drift clip."""
    for key, values in bundle.manifest.golden.expected.items():
        if GoldenKey.parse(key).artefact == artefact:
            return {f"{GOLDEN}/{name}": adv for name, adv in values.items()}
    return {}


LABEL_NOTE = ("the label store's values belong to the whole files, the student's to the windows",)


def fixed_window(bundle: Bundle) -> int | None:
    """Samples that the bundle's waveform TFLite file takes; None when it has no such file."""
    sizes = (model.fixed_samples for model in bundle.manifest.models.values())
    return next((size for size in sizes if size is not None), None)


def length_notes(window: int | None, bundle: Bundle) -> tuple[str, ...]:
    """What a reader must know of the clips' lengths."""
    fixed = fixed_window(bundle)
    if fixed is None:
        return ()
    seconds = fixed / SAMPLE_RATE
    if window is None:
        return (
            f"clips have their own length: those that do not last {seconds:g} s ran through "
            "backbone + host in the int8 TFLite step too",
        )
    return (
        f"every clip is cut or repeated to {seconds:g} s, the only length that the hybrid "
        "TFLite file takes",
    )


def describe(files: Sequence[Clip]) -> tuple[str, ...]:
    """One line for each corpus."""
    counts = Counter(clip.corpus for clip in files)
    return tuple(f"{corpus}, {count} files" for corpus, count in counts.items())


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


def spread(items: Sequence[T], limit: int | None) -> list[T]:
    """At most `limit` of them, evenly spaced, the first included."""
    if limit is None or len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def teacher_labels(
    store: Path, files: Sequence[Clip]
) -> tuple[dict[str, NDArray[np.float32]], TeacherIdentity]:
    """A label store's values by clip name, and whose they are.

    Files are matched by the SHA-256 of their bytes.

    Raises:
        InputError: no store, a damaged one, of several teachers, or none of the files in it.
        EnvironmentMissing: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise EnvironmentMissing(
            "reading a label store needs pyarrow", "pip install 'edge-ser[train]'"
        ) from error
    from edge_ser.labelling.store import LabelStore

    labels = LabelStore(store)
    values = labels.adv_of([sha256_of(clip.path) for clip in files])
    known = {
        name_of(clip): row
        for clip, row in zip(files, values, strict=True)
        if not np.isnan(row).any()
    }
    if not known:
        raise InputError(
            f"{store} holds no label for any of the {len(files)} files",
            "label the same audio: edge-ser label AUDIO_FOLDER --store FOLDER",
        )
    return known, labels.teacher()
