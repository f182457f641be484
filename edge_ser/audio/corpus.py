"""A corpus is a folder of audio, optionally described by a `manifest.csv` with a `path` column."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from edge_ser.audio.files import AUDIO_SUFFIXES
from edge_ser.errors import InputError


@dataclass(frozen=True)
class Clip:
    """One file of a corpus.

    Attributes:
        path: the file.
        name: its path relative to the corpus, the same on every machine.
        corpus: the corpus folder's name.
        fields: the other columns of its manifest row (speaker, emotion, ...); may be empty.
    """

    path: Path
    name: str
    corpus: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def speaker(self) -> str:
        """Speaker id, unique across corpora; clips of unknown speakers share ''."""
        speaker = self.fields.get("speaker", "")
        return f"{self.corpus}/{speaker}" if speaker else ""


def read_corpus(folder: Path) -> list[Clip]:
    """All clips of a folder, sorted by name.

    A `manifest.csv` decides which files belong; without one, all audio files below do.

    Raises:
        InputError: no such folder, no audio in it, or a manifest without `path`.
    """
    if not folder.is_dir():
        raise InputError(f"no audio folder {folder}")
    manifest = folder / "manifest.csv"
    clips = _from_manifest(folder, manifest) if manifest.is_file() else _from_tree(folder)
    if not clips:
        raise InputError(
            f"{folder} holds no audio", f"supported files: {', '.join(AUDIO_SUFFIXES)}"
        )
    return sorted(clips, key=lambda clip: clip.name)


def _from_manifest(folder: Path, manifest: Path) -> list[Clip]:
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if "path" not in (reader.fieldnames or ()):
            raise InputError(
                f"{manifest} has no 'path' column",
                "its first line must name the columns, e.g. path,speaker,emotion",
            )
        return [
            Clip(folder / row["path"], row["path"], folder.name, _without_path(row))
            for row in reader
        ]


def _without_path(row: dict[str, str]) -> dict[str, str]:
    return {key: value or "" for key, value in row.items() if key not in ("path", None)}


def _from_tree(folder: Path) -> list[Clip]:
    files = (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    return [Clip(path, path.relative_to(folder).as_posix(), folder.name) for path in files]
