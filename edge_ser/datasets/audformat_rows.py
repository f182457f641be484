"""What the project keeps of an audformat database: one manifest row for each clip of speech."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from edge_ser.datasets.known import KnownDataset
from edge_ser.datasets.soft_targets import EMOTIONS, VoteRule, target_fields
from edge_ser.errors import InputError

SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}
_ABOUT_SPEAKER = {"sex": ("gender", "sex"), "age": ("age",), "language": ("language",)}
"""Our column -> what databases call it in the labels of the scheme `speaker`."""
_UNKNOWN = dict.fromkeys(_ABOUT_SPEAKER, "")


def manifest_rows(
    database: Any, dataset: KnownDataset, rule: VoteRule
) -> dict[str, dict[str, str]]:
    """Rows of a database, its own file names as keys.

    Args:
        database: audformat database, loaded with relative file names.
        dataset: says which tables hold the acted emotion and the votes.
        rule: makes votes a target; unused by datasets without votes.

    Returns:
        file -> {"speaker", "sex", "age", "language", "emotion"} and, of datasets with votes, the
        fields of `target_fields`; whatever is unknown is "". Files marked corrupted are absent.

    Raises:
        InputError: no table holds emotions.
    """
    emotions = _emotions(database, dataset)
    speakers = _column(database, "speaker")
    people = _people(database)
    votes = _votes(database, dataset)
    corrupted = {file for file, mark in _column(database, "corrupted").items() if mark == "True"}
    rows = {}
    for file in sorted(set(emotions) - corrupted):
        if dataset.media and not re.fullmatch(dataset.media, file):
            continue
        speaker = speakers.get(file, "")
        rows[file] = {
            "speaker": _speaker_name(speaker, file),
            **people.get(speaker, _UNKNOWN),
            "emotion": emotions[file],
            **(target_fields(votes.get(file, {}), rule) if votes else {}),
        }
    return rows


def _emotions(database: Any, dataset: KnownDataset) -> dict[str, str]:
    tables = dataset.matching(list(database.tables))
    found: dict[str, str] = {}
    for table in tables:
        if "emotion" in database[table].columns:
            found |= _labels(database[table]["emotion"])
    if not found:
        raise InputError(
            f"{dataset.name}: no table holds the column 'emotion' where it is expected; "
            f"tables: {', '.join(database.tables)}",
            f"take the version that is known: --version {dataset.version}",
        )
    return found


def _column(database: Any, name: str) -> dict[str, str]:
    """A column of every table that has one, merged; earlier tables win."""
    found: dict[str, str] = {}
    for table in database.tables.values():
        if name in table.columns:
            found = _labels(table[name]) | found
    return found


def _votes(database: Any, dataset: KnownDataset) -> dict[str, dict[str, dict[str, float]]]:
    """file -> modality -> emotion -> votes."""
    votes: dict[str, dict[str, dict[str, float]]] = {}
    for modality, pattern in dataset.vote_tables.items():
        for name in database.tables:
            if not re.fullmatch(pattern, name):
                continue
            for emotion in EMOTIONS:
                for file, count in _labels(database[name][emotion]).items():
                    votes.setdefault(file, {}).setdefault(modality, {})[emotion] = float(count)
    return votes


def _labels(column: Any) -> dict[str, str]:
    """file -> label as text; files without a label are absent."""
    series = column.get().dropna()
    return {str(file): str(label) for file, label in _by_file(series)}


def _by_file(series: Any) -> Iterator[tuple[str, Any]]:
    for key, label in series.items():
        # A segmented table's keys are (file, start, end).
        yield (key[0] if isinstance(key, tuple) else key), label


def _people(database: Any) -> dict[str, dict[str, str]]:
    """speaker -> {"sex", "age", "language"}, "" where unknown."""
    people = {}
    for speaker, labels in _speaker_labels(database).items():
        person = dict(_UNKNOWN)
        for column, names in _ABOUT_SPEAKER.items():
            known = (str(labels[name]) for name in names if labels.get(name) is not None)
            person[column] = next(known, "")
        person["sex"] = SEXES.get(person["sex"].lower(), person["sex"])
        people[speaker] = person
    return people


def _speaker_labels(database: Any) -> dict[str, dict[str, Any]]:
    """speaker -> what is known of them: in the scheme itself or in a table it points to."""
    scheme = database.schemes.get("speaker")
    labels = scheme.labels if scheme is not None else None
    if isinstance(labels, str):
        table = database.misc_tables[labels].get()
        return {
            str(name): {key: value for key, value in row.items() if value == value}
            for name, row in table.astype(object).to_dict(orient="index").items()
        }
    if isinstance(labels, dict):
        return {str(name): row for name, row in labels.items() if isinstance(row, dict)}
    return {}


def _speaker_name(speaker: str, file: str) -> str:
    """As the files spell it: EMO-DB's speaker 3 is 03 in `03a01Fa`, and in every paper."""
    stem = PurePosixPath(file).stem
    padded = speaker.zfill(2)
    return padded if speaker.isdigit() and stem.startswith(padded) else speaker
