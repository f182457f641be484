"""Short voices, and an audb repository on disk with databases laid out as the published ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from conftest import synthetic_speech

REPOSITORY_NAME = "local"
EMODB_FILES = ("03a01Fa", "03a01Wa", "08a01Fa", "08a01Wa")
CREMA_FILES = ("1001_IEO_HAP_HI", "1001_IEO_NEU_XX", "1002_IEO_SAD_LO", "1076_MTI_SAD_XX")


@pytest.fixture(scope="session")
def write_voice() -> Callable[..., None]:
    """Writes a voice to a file: path, seconds, gain, seed, rate."""

    def write(
        path: Path, seconds: float = 0.3, gain: float = 1.0, seed: int = 0, rate: int = 16_000
    ) -> None:
        soundfile.write(path, gain * synthetic_speech(seconds, seed), rate)

    return write


@pytest.fixture(scope="session")
def audb_host(tmp_path_factory: pytest.TempPathFactory, write_voice: Callable[..., None]) -> Path:
    """Host folder of the repository `local`: emodb 1.4.0, 1.4.1 and 2.0.0, crema-d 1.3.0."""
    audb = pytest.importorskip("audb")
    host = tmp_path_factory.mktemp("host")
    (host / REPOSITORY_NAME).mkdir()
    repository = audb.Repository(REPOSITORY_NAME, str(host), "file-system")
    cache = str(tmp_path_factory.mktemp("publish"))
    builds = [
        (_emodb(tmp_path_factory.mktemp("emodb"), write_voice), "1.4.0"),
        (_emodb(tmp_path_factory.mktemp("emodb"), write_voice), "1.4.1"),
        (_emodb(tmp_path_factory.mktemp("emodb"), write_voice, "laryngo"), "2.0.0"),
        (_crema_d(tmp_path_factory.mktemp("crema-d"), write_voice), "1.3.0"),
    ]
    for build, version in builds:
        audb.publish(
            str(build), version, repository,
            previous_version=None, cache_root=cache, verbose=False,
        )  # fmt: skip
    return host


def _emodb(build: Path, write_voice: Callable[..., None], further: str = "") -> Path:
    """Speakers' traits in a misc table, as from version 1.3.0 on; 44.1 kHz to be resampled.

    Version 2.0.0 has a further folder of the same names, whose tables have a prefix.
    """
    import audformat
    import pandas

    for folder in filter(None, ("wav", further)):
        (build / folder).mkdir()
        for seed, name in enumerate(EMODB_FILES):
            write_voice(build / folder / f"{name}.wav", seed=seed, rate=44_100)
    database = audformat.Database(
        "emodb", license=audformat.define.License.CC0_1_0, usage="unrestricted"
    )
    database.schemes["emotion"] = audformat.Scheme(labels=["anger", "happiness"])
    database.schemes["age"] = audformat.Scheme("int")
    database.schemes["gender"] = audformat.Scheme("str", labels=["female", "male"])
    database["speaker"] = audformat.MiscTable(pandas.Index([3, 8], dtype="Int64", name="speaker"))
    for scheme, values in (("age", [31, 34]), ("gender", ["male", "female"])):
        database["speaker"][scheme] = audformat.Column(scheme_id=scheme)
        database["speaker"][scheme].set(values)
    database.schemes["speaker"] = audformat.Scheme("int", labels="speaker")
    for folder, prefix in (("wav", ""), (further, f"{further}.")):
        if folder:
            files = [f"{folder}/{name}.wav" for name in EMODB_FILES]
            _table(database, f"{prefix}files", files, speaker=[3, 3, 8, 8])
            _table(database, f"{prefix}emotion", files, emotion=["happiness", "anger"] * 2)
    database.save(str(build))
    return build


def _crema_d(build: Path, write_voice: Callable[..., None]) -> Path:
    """Acted emotion, votes by modality and the one file without sound, as from version 1.2.0 on."""
    import audformat

    files = [f"{name[:4]}/{name}.wav" for name in CREMA_FILES]
    for seed, file in enumerate(files):
        (build / file).parent.mkdir(exist_ok=True)
        write_voice(build / file, seed=seed)
    database = audformat.Database(
        "crema-d", license="Open Data Commons Open Database License (ODbL) v1.0", usage="commercial"
    )
    emotions = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
    database.schemes["emotion"] = audformat.Scheme(labels=[*emotions, "no_agreement"])
    database.schemes["corrupted"] = audformat.Scheme(bool)
    database.schemes["votes"] = audformat.Scheme(int, minimum=0)
    database.schemes["speaker"] = audformat.Scheme(
        "int",
        labels={
            1001: {"age": 51, "sex": "male"},
            1002: {"age": 21, "sex": "female"},
            1076: {"age": 25, "sex": "female"},
        },
    )
    _table(
        database, "files", files,
        speaker=[1001, 1001, 1002, 1076], corrupted=[False, False, False, True],
    )  # fmt: skip
    acted = ["happiness", "neutral", "sadness", "sadness"]
    voice = ([2, 0, 0, 6, 2, 0], [0, 0, 0, 1, 10, 0], [1, 1, 0, 0, 7, 1])
    face = ([0, 0, 0, 9, 1, 0], [0, 0, 0, 0, 9, 0], [0, 0, 0, 0, 0, 8])
    for split, kept in (("train", slice(0, 2)), ("dev", slice(2, 3))):
        desired = f"emotion.categories.desired.{split}"
        _table(database, desired, files[kept], emotion=acted[kept])
        for name, votes in (("", voice), ("face.", face)):
            columns = dict(zip(emotions, zip(*votes[kept], strict=True), strict=True))
            table = f"emotion.categories.{name}{split}.votes"
            _table(database, table, files[kept], scheme="votes", **columns)
    database.save(str(build))
    return build


def _table(
    database: Any, name: str, files: list[str], scheme: str | None = None, **columns: Any
) -> None:
    import audformat

    database[name] = audformat.Table(audformat.filewise_index(files))
    for column, values in columns.items():
        database[name][column] = audformat.Column(scheme_id=scheme or column)
        database[name][column].set(list(values))
