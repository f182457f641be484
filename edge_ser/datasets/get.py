"""A dataset from audb becomes a corpus folder: 16 kHz mono audio, manifest and licence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from edge_ser import SAMPLE_RATE
from edge_ser.datasets.audformat_rows import manifest_rows
from edge_ser.datasets.known import KnownDataset, known_dataset
from edge_ser.datasets.manifest import LICENCE, write_licence, write_manifest
from edge_ser.datasets.repository import import_audb, repositories, why_missing
from edge_ser.datasets.soft_targets import VoteRule
from edge_ser.errors import InputError


@dataclass(frozen=True)
class Wanted:
    """What to get, and from where.

    Attributes:
        name: of a known dataset.
        version: None for the known one.
        cache: audb's folder of loaded data; None for audb's own choice.
        repository: (name, host folder) to look in instead of the public one.
        rule: makes listeners' votes a target.
        workers: files loaded at once.
    """

    name: str
    version: str | None = None
    cache: Path | None = None
    repository: tuple[str, Path] | None = None
    rule: VoteRule = field(default_factory=VoteRule)
    workers: int = 4


def get(wanted: Wanted, out: Path) -> int:
    """Write a corpus folder; run again, it loads and copies only what is missing.

    Args:
        wanted: the dataset.
        out: folder for `audio/`, `manifest.csv` and `licence.json`.

    Returns:
        The number of clips.

    Raises:
        InputError: unknown dataset or version, no network, or a folder that holds other data.
    """
    dataset = known_dataset(wanted.name)
    version = wanted.version or dataset.version
    _check_free(out, dataset.name, version)
    with repositories(wanted.repository):
        database = _load(dataset, version, wanted)
    rows = manifest_rows(database, dataset, wanted.rule)
    _record_licence(out, dataset, version, database)
    write_manifest(out, _copied(Path(database.root), rows, out))
    return len(rows)


def _check_free(out: Path, name: str, version: str) -> None:
    """Only an empty folder, or the unfinished or finished copy of the same version, is written."""
    if not out.exists() or not any(out.iterdir()):
        return
    statement = out / LICENCE
    try:
        found = json.loads(statement.read_text(encoding="utf-8")) if statement.is_file() else {}
        there = (found.get("dataset"), found.get("version"))
    except (ValueError, AttributeError):
        there = (None, None)
    if there != (name, version):
        held = " ".join(map(str, there)) if all(there) else "other files"
        raise InputError(f"{out} holds {held}", "choose another --out folder, or remove this one")


def _load(dataset: KnownDataset, version: str, wanted: Wanted) -> Any:
    audb = import_audb()
    try:
        return audb.load(
            dataset.name,
            version=version,
            media=dataset.media or None,
            format="wav",
            mixdown=True,
            sampling_rate=SAMPLE_RATE,
            full_path=False,
            cache_root=str(wanted.cache) if wanted.cache else None,
            num_workers=wanted.workers,
        )
    except Exception as error:
        # audb and its back-ends raise plain RuntimeError and errors of their network libraries.
        raise why_missing(dataset.name, version, error) from error


def _record_licence(out: Path, dataset: KnownDataset, version: str, database: Any) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_licence(
        out,
        f"{dataset.title}, {version}",
        dataset.licence,
        url=dataset.licence_url,
        permits=dataset.permits,
        dataset=dataset.name,
        version=version,
        stated_by_database=str(database.license or ""),
        usage_stated_by_database=str(database.usage or ""),
    )


def _copied(root: Path, rows: dict[str, dict[str, str]], out: Path) -> list[dict[str, str]]:
    """Copy the audio from the cache and add each row's path and duration (seconds)."""
    import soundfile
    from tqdm import tqdm

    audio = out / "audio"
    audio.mkdir(exist_ok=True)
    _check_distinct_names(list(rows))
    finished = []
    for file, row in tqdm(rows.items(), desc="writing", unit="clip"):
        source, target = root / file, audio / PurePosixPath(file).name
        if not (target.is_file() and target.stat().st_size == source.stat().st_size):
            partial = target.with_suffix(".partial")
            shutil.copyfile(source, partial)
            partial.replace(target)
        duration = f"{soundfile.info(target).duration:.4f}"
        finished.append({"path": f"audio/{target.name}", **row, "duration": duration})
    return finished


def _check_distinct_names(files: Sequence[str]) -> None:
    if len({PurePosixPath(file).name for file in files}) != len(files):
        raise InputError(
            "two files of the dataset share a name, and a corpus folder has one folder of audio",
            "take another --version",
        )
