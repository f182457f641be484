"""A corpus is a folder of audio, optionally described by a `manifest.csv` with a `path` column."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

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


def corpus_name(folder: Path) -> str:
    """What a folder is called, also when it is given as `.`: clips and speakers carry it."""
    return folder.resolve().name


def check_distinct(folders: Sequence[Path]) -> None:
    """Refuse folders of one name: their clips and speakers could not be told apart.

    Raises:
        InputError: two folders have the same name.
    """
    names = sorted(corpus_name(folder) for folder in folders)
    if len(set(names)) != len(names):
        raise InputError(
            f"two audio folders share a name: {', '.join(names)}",
            "clips and speakers are named after their folder; rename one of them",
        )


def read_corpus(folder: Path) -> list[Clip]:
    """All clips of a folder, sorted by name.

    A `manifest.csv` decides which files belong; without one, all audio files below do.

    Raises:
        InputError: no such folder, no audio in it, or a manifest that cannot be used.
    """
    if not folder.is_dir():
        raise InputError(f"no audio folder {folder}")
    clips = _clips_of(folder)
    if not clips:
        raise InputError(
            f"{folder} holds no audio", f"supported files: {', '.join(AUDIO_SUFFIXES)}"
        )
    return clips


def _clips_of(folder: Path) -> list[Clip]:
    manifest = folder / "manifest.csv"
    clips = _from_manifest(folder, manifest) if manifest.is_file() else _from_tree(folder)
    return sorted(clips, key=lambda clip: clip.name)


def _from_manifest(folder: Path, manifest: Path) -> list[Clip]:
    corpus = corpus_name(folder)
    return [
        Clip(folder / row["path"], row["path"], corpus, _without_path(row))
        for row in _rows(manifest)
    ]


def _rows(manifest: Path) -> list[dict[str, str]]:
    """The manifest's rows, every one with all columns; spreadsheets' byte-order mark is skipped."""
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "path" not in (reader.fieldnames or ()):
                raise InputError(
                    f"{manifest} has no 'path' column",
                    "its first line must name the columns, e.g. path,speaker,emotion",
                )
            rows = []
            for row in reader:
                if None in row or None in row.values() or not row["path"]:
                    raise InputError(
                        f"{manifest} line {reader.line_num} does not fit the columns "
                        f"{', '.join(reader.fieldnames or ())}",
                        "give every row a path and as many values as there are columns",
                    )
                rows.append(row)
            return rows
    except UnicodeDecodeError as error:
        line = 1 + manifest.read_bytes()[: error.start].count(b"\n")
        raise InputError(
            f"{manifest} is not UTF-8 text (about line {line})",
            "save it again as CSV in UTF-8",
        ) from error
    except csv.Error as error:
        raise InputError(f"{manifest} is not CSV: {error}") from error


def _without_path(row: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if key != "path"}


def _from_tree(folder: Path) -> list[Clip]:
    corpus = corpus_name(folder)
    files = (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    return [Clip(path, path.relative_to(folder).as_posix(), corpus) for path in files]


@dataclass(frozen=True)
class KnownCorpus:
    """A corpus behind the shipped models, recognised by the names of its files.

    Attributes:
        name, licence: for cards and manifests.
        files: what every file name must match, its folder and suffix aside.
    """

    name: str
    licence: str
    files: re.Pattern[str]


KNOWN_CORPORA = (
    KnownCorpus(
        "EMO-DB (Berlin Database of Emotional Speech)",
        "CC0-1.0",
        re.compile(r"(03|08|09|1[0-6])[ab]\d\d[A-Z][a-f]"),
    ),
    KnownCorpus(
        "CREMA-D (Crowd-sourced Emotional Multimodal Actors Dataset)",
        "ODbL-1.0",
        re.compile(r"1\d{3}_[A-Z]{3}_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)"),
    ),
    KnownCorpus(
        "speechocean762, Picovoice speech-to-intent, Mycroft Precise community data",
        "free for commercial use; Apache-2.0; public domain",
        re.compile(r"(speechocean762|picovoice_intent|mycroft_precise)_.+"),
    ),
    KnownCorpus(
        "ESC-10 and Speech Commands backgrounds",
        "CC0-1.0 and CC-BY",
        re.compile(r"esc10_\d-\d+-[A-Z]|speech_commands_.+"),
    ),
)


def licence_of(folder: Path) -> dict[str, str]:
    """Name and licence of a corpus, for cards and manifests.

    A `licence.json` ({"name": ..., "licence": ...}) in the folder says it; the corpora of the
    shipped models are known by the names of all their files; anything else is recorded as
    unstated, whatever the folder is called.

    Raises:
        InputError: a `licence.json` without these two keys, or an unusable manifest.
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
    stems = [PurePosixPath(clip.name).stem for clip in _clips_of(folder)]
    for known in KNOWN_CORPORA:
        if stems and all(known.files.fullmatch(stem) for stem in stems):
            return {"name": known.name, "licence": known.licence}
    return {"name": corpus_name(folder), "licence": "not stated"}
