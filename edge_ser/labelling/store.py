"""What a teacher said about which audio: a folder of Parquet parts, append-only, resumable.

Rows are keyed by the SHA-256 of the file's bytes, so that renamed or copied audio is not
labelled twice. Parts are bounded, appear whole or not at all, and are never changed; a killed
run loses at most one part's work. Runs that label the same audio at the same time each write
their own parts: readers take the first row of a (audio, teacher) pair, in the order of the parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import InputError

_PATTERN = "part-*.parquet"


@dataclass(frozen=True)
class LabelRow:
    """One clip's labels.

    Attributes:
        audio_sha256: of the file's bytes.
        path: as given when labelled; for people.
        duration: seconds.
        arousal, dominance, valence: the teacher's output, not clipped.
        teacher_id, teacher_sha256, teacher_licence: who said it.
    """

    audio_sha256: str
    path: str
    duration: float
    arousal: float
    dominance: float
    valence: float
    teacher_id: str
    teacher_sha256: str
    teacher_licence: str

    @property
    def adv(self) -> tuple[float, float, float]:
        """Arousal, dominance, valence."""
        return self.arousal, self.dominance, self.valence


@dataclass(frozen=True)
class TeacherIdentity:
    """Who labelled: name, licence and weights' SHA-256."""

    id: str
    licence: str
    weights_sha256: str


class LabelStore:
    """A label store's folder; creating the object creates nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self) -> Iterator[LabelRow]:
        """All rows in the order of the parts, one for each audio and teacher.

        Raises:
            InputError: no such store, or a part that is damaged or lacks columns.
        """
        seen: set[tuple[str, str]] = set()
        for row in self._stored_rows():
            key = (row.audio_sha256, row.teacher_sha256)
            if key not in seen:
                seen.add(key)
                yield row

    def _stored_rows(self) -> Iterator[LabelRow]:
        """All rows, those that two runs wrote at the same time twice."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        parts = sorted(self.folder.glob(_PATTERN))
        if not parts:
            raise InputError(
                f"no label store in {self.folder}",
                "make one: edge-ser label AUDIO_FOLDER --store FOLDER",
            )
        names = [field.name for field in fields(LabelRow)]
        for part in parts:
            try:
                table = pq.read_table(part, columns=names)
            except (pa.ArrowException, OSError, KeyError) as error:
                raise InputError(
                    f"{part} cannot be read: {error}",
                    "move this part out of the store and label again: what it held is labelled "
                    "anew, all other parts stay",
                ) from error
            for row in table.to_pylist():
                yield LabelRow(**row)

    def labelled(self, teacher_sha256: str) -> set[str]:
        """Audio hashes that this teacher has labelled already."""
        if not any(self.folder.glob(_PATTERN)):
            return set()
        return {row.audio_sha256 for row in self.rows() if row.teacher_sha256 == teacher_sha256}

    def append(self, rows: Sequence[LabelRow]) -> None:
        """Add one part, under a name that no other run has taken."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not rows:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"writing-{uuid4().hex}.partial"
        try:
            pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows]), partial)
            self._publish(partial)
        finally:
            partial.unlink(missing_ok=True)

    def _publish(self, partial: Path) -> None:
        """Give a written part the next free name; unlike a rename, a link never replaces one."""
        number = 1 + max((_number(part) for part in self.folder.glob(_PATTERN)), default=-1)
        while True:
            try:
                os.link(partial, self.folder / f"part-{number:06d}.parquet")
            except FileExistsError:
                number += 1
            else:
                return

    def teacher(self) -> TeacherIdentity:
        """The one teacher whose labels these are.

        Raises:
            InputError: several teachers labelled this store, or it holds no rows.
        """
        teachers = {
            TeacherIdentity(row.teacher_id, row.teacher_licence, row.teacher_sha256)
            for row in self.rows()
        }
        if not teachers:
            raise InputError(
                f"the label store {self.folder} holds no labels",
                "add some: edge-ser label AUDIO_FOLDER --store FOLDER",
            )
        if len(teachers) > 1:
            raise InputError(
                f"{self.folder} holds labels of {len(teachers)} teachers",
                "give each teacher a store of its own",
            )
        return teachers.pop()

    def adv_of(self, hashes: Sequence[str]) -> NDArray[np.float32]:
        """(len(hashes), 3) labels of the one teacher; rows of NaN where there is none.

        Raises:
            InputError: several teachers labelled this store.
        """
        self.teacher()
        known = {row.audio_sha256: row.adv for row in self.rows()}
        nothing = (np.nan,) * 3
        return np.array([known.get(audio, nothing) for audio in hashes], dtype=np.float32)


def _number(part: Path) -> int:
    """The number in `part-000012.parquet`; -1 for parts that other programs named freely."""
    digits = part.stem.removeprefix("part-")
    return int(digits) if digits.isdecimal() else -1
