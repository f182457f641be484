"""A corpus is a folder of audio, optionally described by a `manifest.csv` with a `path` column."""

from __future__ import annotations

import csv
import json
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


KNOWN_LICENCES = {
    "emodb": ("EMO-DB (Berlin Database of Emotional Speech)", "CC0-1.0"),
    "speech": (
        "speechocean762, Picovoice speech-to-intent, Mycroft Precise community data",
        "free for commercial use; Apache-2.0; public domain",
    ),
    "noise": ("ESC-10 and Speech Commands backgrounds", "CC0-1.0 and CC-BY"),
}
"""Folder name -> (corpus, licence) of the audio behind the shipped models."""


def licence_of(folder: Path) -> dict[str, str]:
    """Name and licence of a corpus, for cards and manifests.

    A `licence.json` ({"name": ..., "licence": ...}) in the folder says it; the corpora of the
    shipped models are known by name; anything else is recorded as unstated.

    Raises:
        InputError: a `licence.json` without these two keys.
    """
    statement = folder / "licence.json"
    if statement.is_file():
        try:
            values = json.loads(statement.read_text(encoding="utf-8"))
            return {"name": str(values["name"]), "licence": str(values["licence"])}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{statement} does not state a name and a licence: {error}",
                'write {"name": "My corpus", "licence": "CC-BY-4.0"}',
            ) from error
    name, licence = KNOWN_LICENCES.get(folder.name, (folder.name, "not stated"))
    return {"name": name, "licence": licence}
