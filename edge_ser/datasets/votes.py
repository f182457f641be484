"""Adding CREMA-D's published votes to a folder with its audio, also without audb."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

from edge_ser.audio.corpus import read_corpus
from edge_ser.datasets.audformat_rows import SEXES
from edge_ser.datasets.crema_d_votes import named_fields, read_votes
from edge_ser.datasets.known import KNOWN
from edge_ser.datasets.manifest import LICENCE, write_licence, write_manifest
from edge_ser.datasets.soft_targets import VoteRule, target_fields
from edge_ser.errors import InputError


def add_votes(
    folder: Path, table: Path, rule: VoteRule, demographics: Path | None = None
) -> tuple[int, int]:
    """Write the targets of every clip into the folder's manifest, which is made if need be.

    Args:
        folder: corpus whose files are called as the table's `fileName`s, e.g. `AudioWAV`.
        table: `tabulatedVotes.csv`.
        rule: makes votes a target.
        demographics: `VideoDemographics.csv`, for age and sex.

    Returns:
        (clips with a target, all clips)

    Raises:
        InputError: a malformed table, or one without votes for any clip of the folder.
    """
    votes = read_votes(table)
    people = _people(demographics) if demographics else {}
    rows = []
    for clip in read_corpus(folder):
        stem = PurePosixPath(clip.name).stem
        known = named_fields(stem)
        known |= {key: value for key, value in clip.fields.items() if value}
        known |= people.get(known.get("speaker", ""), {})
        targets = target_fields(votes.get(stem, {}), rule)
        rows.append({"path": clip.name, **clip.fields, **known, **targets})
    if not any(float(row["votes"]) > 0 for row in rows):
        raise InputError(
            f"{table} has no votes for any file of {folder}",
            "the files must be called as in its column fileName, e.g. 1001_DFA_ANG_XX.wav",
        )
    write_manifest(folder, rows)
    if not (folder / LICENCE).is_file():
        dataset = KNOWN["crema-d"]
        write_licence(folder, dataset.title, dataset.licence, url=dataset.licence_url)
    return sum(bool(row["arousal"]) for row in rows), len(rows)


def _people(demographics: Path) -> dict[str, dict[str, str]]:
    """speaker -> {"age", "sex"}."""
    try:
        with demographics.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{demographics} is not a CSV file in UTF-8: {error}") from error
    people = {}
    for line, row in enumerate(rows, start=2):
        try:
            sex = row["Sex"].strip()
            person = {"age": row["Age"].strip(), "sex": SEXES.get(sex.lower(), sex)}
            people[row["ActorID"].strip()] = person
        except (KeyError, AttributeError) as error:
            raise InputError(
                f"{demographics} line {line} lacks ActorID, Age or Sex",
                "take VideoDemographics.csv unchanged from the dataset's repository",
            ) from error
    return people
