"""Writing a corpus folder's two descriptions, so that a killed run never leaves half of one."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

MANIFEST = "manifest.csv"
LICENCE = "licence.json"

_ORDER = ("path", "speaker", "sex", "age", "language", "emotion", "arousal", "dominance", "valence")
"""Columns that come first, as far as a corpus has them."""


def write_manifest(folder: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write `manifest.csv`: every column of any row, empty where a row has none."""
    present = dict.fromkeys(column for row in rows for column in row)
    columns = [column for column in _ORDER if column in present]
    columns += [column for column in present if column not in _ORDER]
    partial = folder / f"{MANIFEST}.partial"
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(folder / MANIFEST)


def write_licence(folder: Path, name: str, licence: str, **further: str) -> None:
    """Write `licence.json`, which cards and bundles of models trained on the corpus quote.

    Args:
        folder: the corpus.
        name: what the corpus is called in a card.
        licence: SPDX identifier or a sentence.
        further: more facts worth keeping (dataset, version, url, ...); empty ones are left out.
    """
    statement = {"name": name, "licence": licence}
    statement |= {key: value for key, value in further.items() if value}
    partial = folder / f"{LICENCE}.partial"
    partial.write_text(json.dumps(statement, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / LICENCE)
