"""Any folder of audio with a table becomes a corpus folder: columns and emotions are renamed."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from edge_ser import DIMENSIONS
from edge_ser.audio.corpus import read_corpus
from edge_ser.audio.files import AUDIO_SUFFIXES
from edge_ser.datasets.audformat_rows import SEXES
from edge_ser.datasets.manifest import MANIFEST, write_licence, write_manifest
from edge_ser.errors import InputError


@dataclass(frozen=True)
class TableImport:
    """How a table describes a folder.

    Attributes:
        table: CSV file in UTF-8 whose first line names the columns.
        columns: our column -> the table's; `path` is needed unless the table calls it so too.
            Columns that are not named here are not taken.
        emotions: the table's emotion -> ours.
        label_range: lowest and highest possible arousal, dominance, valence of the table.
        separator: between columns.
        name, licence: for cards of models trained on it.
        skip_missing: leave out rows whose file is not there, rather than refuse.
        replace: overwrite a manifest that exists.
    """

    table: Path
    columns: Mapping[str, str]
    name: str
    licence: str
    emotions: Mapping[str, str] = field(default_factory=dict)
    label_range: tuple[float, float] = (0.0, 1.0)
    separator: str = ","
    skip_missing: bool = False
    replace: bool = False

    def __post_init__(self) -> None:
        low, high = self.label_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(
                f"--label-range {low:g} {high:g} is no scale", "give the lower end first"
            )


@dataclass(frozen=True)
class Imported:
    """What an import made: clips, rows without a file, and the emotions with their numbers."""

    clips: int
    missing: list[str]
    emotions: dict[str, int]


def import_table(folder: Path, plan: TableImport) -> Imported:
    """Write `manifest.csv` and `licence.json` into a folder of audio.

    Raises:
        InputError: a malformed table, missing columns or files, labels outside their range, a
            manifest that exists.
    """
    if not folder.is_dir():
        raise InputError(f"no audio folder {folder}")
    if (folder / MANIFEST).exists() and not plan.replace:
        raise InputError(f"{folder / MANIFEST} exists", "overwrite it with --replace")
    files = _Files(folder)
    rows: list[dict[str, str]] = []
    missing: list[str] = []
    seen: dict[str, int] = {}
    for line, row in _mapped_rows(plan):
        path = files.find(row["path"])
        if path is None:
            missing.append(row["path"])
            continue
        if path in seen:
            raise InputError(f"{plan.table} lines {seen[path]} and {line} describe {path}")
        seen[path] = line
        rows.append({**row, "path": path, **_values(row, plan, line)})
    if (missing and not plan.skip_missing) or not rows:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise InputError(
            f"{len(missing)} of {len(missing) + len(rows)} rows of {plan.table} name no audio "
            f"file below {folder}" + (f": {shown}" if shown else ""),
            "names are looked up relative to the folder, then without folder and suffix; "
            "leave such rows out with --skip-missing",
        )
    write_manifest(folder, rows)
    write_licence(folder, plan.name, plan.licence)
    emotions: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.get("emotion"):
            emotions[row["emotion"]] += 1
    return Imported(len(read_corpus(folder)), missing, dict(sorted(emotions.items())))


class _Files:
    """The audio below a folder, found by relative path, or by a name that only one file has."""

    def __init__(self, folder: Path) -> None:
        paths = [path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES]
        self._names = {path.relative_to(folder).as_posix() for path in paths}
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in self._names:
            self._by_stem[PurePosixPath(name).stem].append(name)

    def find(self, text: str) -> str | None:
        wanted = PurePosixPath(text.strip().replace("\\", "/"))
        if wanted.as_posix() in self._names:
            return wanted.as_posix()
        stem = wanted.stem if wanted.suffix.lower() in AUDIO_SUFFIXES else wanted.name
        candidates = self._by_stem.get(stem, [])
        return candidates[0] if len(candidates) == 1 else None


def _mapped_rows(plan: TableImport) -> list[tuple[int, dict[str, str]]]:
    """(line, row) with our columns' names."""
    columns = {"path": "path", **plan.columns}
    try:
        with plan.table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=plan.separator)
            header = list(reader.fieldnames or ())
            absent = [theirs for theirs in columns.values() if theirs not in header]
            if absent:
                raise InputError(
                    f"{plan.table} has no column {', '.join(absent)}",
                    f"its columns: {', '.join(header)}; name them with --column OURS=THEIRS, "
                    "e.g. --column path=filename",
                )
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    raise InputError(
                        f"{plan.table} line {reader.line_num} does not fit its "
                        f"{len(header)} columns",
                        "give every row as many values as there are columns; --separator says "
                        "what stands between them",
                    )
                mapped = {ours: row[theirs].strip() for ours, theirs in columns.items()}
                rows.append((reader.line_num, mapped))
            return rows
    except UnicodeDecodeError as error:
        raise InputError(f"{plan.table} is not UTF-8 text", "save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{plan.table} is not CSV: {error}") from error


def _values(row: Mapping[str, str], plan: TableImport, line: int) -> dict[str, str]:
    """The cells that do not stay as they are: emotion, sex, labels in 0..1."""
    values = {name: _label(row[name], plan, line) for name in DIMENSIONS if name in row}
    if "emotion" in row:
        values["emotion"] = plan.emotions.get(row["emotion"], row["emotion"])
    if "sex" in row:
        values["sex"] = SEXES.get(row["sex"].lower(), row["sex"])
    return values


def _label(text: str, plan: TableImport, line: int) -> str:
    if not text:
        return ""
    low, high = plan.label_range
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise InputError(
            f"{plan.table} line {line}: {text[:40]!r} is no label from {low:g} to {high:g}",
            "say what the labels' scale is: --label-range LOW HIGH, e.g. -1 1 or 1 7",
        )
    return f"{(value - low) / (high - low):.6g}"
