"""CREMA-D's crowd votes as its authors publish them: `processedResults/tabulatedVotes.csv`.

One line for each clip and modality. The first column, without a name, is 100000 times the kind
of stimulus (1 voice only, 2 face only, 3 both) plus the clip's number; A, D, F, H, N, S count
the listeners who chose that emotion, `numResponses` is their sum, `fileName` has no suffix
(README of github.com/CheyneyComputerScience/CREMA-D). Other columns are not read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from edge_ser.datasets.soft_targets import MODALITIES
from edge_ser.errors import InputError

LETTERS = {
    "A": "anger",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
}
_ACTED = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
_NEEDED = (*LETTERS, "fileName", "numResponses")
_KEY_STEP = 100_000
_MOST_VOTES = 100_000
"""In one cell: more is no count of listeners."""


def read_votes(table: Path) -> dict[str, dict[str, dict[str, float]]]:
    """All votes of a table.

    Returns:
        file name without suffix -> modality -> emotion -> votes.

    Raises:
        InputError: not such a table; the message names the line and what is wrong there.
    """
    votes: dict[str, dict[str, dict[str, float]]] = {}
    for line, row in _rows(table):
        modality = _modality(row, table, line)
        counts = {emotion: _count(row, letter, table, line) for letter, emotion in LETTERS.items()}
        if sum(counts.values()) != _count(row, "numResponses", table, line):
            raise _bad(table, line, "numResponses is not the sum of A, D, F, H, N, S")
        name = row["fileName"].strip()
        if not name:
            raise _bad(table, line, "fileName is empty")
        of_clip = votes.setdefault(name, {})
        if modality in of_clip:
            raise _bad(table, line, f"second line of {modality} votes for {name}")
        of_clip[modality] = {emotion: float(count) for emotion, count in counts.items()}
    if not votes:
        raise InputError(f"{table} holds no votes")
    return votes


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) with the unnamed first column under the key ""."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            missing = [column for column in _NEEDED if column not in header]
            if missing or header[0] in _NEEDED or len(set(header)) != len(header):
                raise InputError(
                    f"{table} is not CREMA-D's table of votes: "
                    + (f"no column {', '.join(missing)}" if missing else "unexpected columns"),
                    "take processedResults/tabulatedVotes.csv from the dataset's repository "
                    "(its first column has no name, then A, D, F, H, N, S, fileName, ...)",
                )
            for values in reader:
                if not values:
                    continue
                if len(values) != len(header):
                    raise _bad(table, reader.line_num, f"{len(values)} values, not {len(header)}")
                yield reader.line_num, dict(zip(["", *header[1:]], values, strict=True))
    except UnicodeDecodeError as error:
        raise InputError(f"{table} is not UTF-8 text") from error
    except csv.Error as error:
        raise InputError(f"{table} is not CSV: {error}") from error


def _modality(row: dict[str, str], table: Path, line: int) -> str:
    text = row[""].strip()
    number = int(text) // _KEY_STEP if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= number <= len(MODALITIES):
        raise _bad(table, line, f"{text[:40]!r} is no clip number of 100001 to 399999")
    return MODALITIES[number - 1]


def _count(row: dict[str, str], column: str, table: Path, line: int) -> int:
    text = row[column].strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= _MOST_VOTES):
        raise _bad(table, line, f"{column} {text[:40]!r} is not a number of votes")
    return int(text)


def _bad(table: Path, line: int, what: str) -> InputError:
    return InputError(
        f"{table} line {line}: {what}", "take the file unchanged from the dataset's repository"
    )


def named_fields(stem: str) -> dict[str, str]:
    """Speaker and acted emotion from a file name such as `1001_DFA_ANG_XX`; {} for other names."""
    parts = stem.split("_")
    if len(parts) != 4 or parts[2] not in _ACTED or not parts[0].isdigit():
        return {}
    return {"speaker": parts[0], "emotion": _ACTED[parts[2]]}
