"""Datasets from an audb repository on disk become corpus folders; what is missing is explained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile
from datasets_fixtures import CREMA_FILES, EMODB_FILES, REPOSITORY_NAME

from edge_ser.audio.corpus import licence_of, read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.cli import main
from edge_ser.datasets.audformat_rows import manifest_rows
from edge_ser.datasets.known import known_dataset
from edge_ser.datasets.soft_targets import VoteRule
from edge_ser.errors import InputError

audb = pytest.importorskip("audb")


def get(out: Path, host: Path, cache: Path, *more: str, name: str = "emodb") -> int:
    """Run the verb against the repository on disk."""
    place = ["--repository", REPOSITORY_NAME, str(host)]
    return main(["data", "get", name, "--out", str(out), "--cache", str(cache), *place, *more])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, which load the same databases."""
    return tmp_path_factory.mktemp("cache")


def test_list_says_version_licence_and_what_it_permits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    printed = capsys.readouterr().out
    assert "emodb 1.4.1" in printed and "CC0-1.0" in printed
    assert "crema-d 1.3.0" in printed and "ODbL-1.0" in printed
    assert printed.count("permits:") == 2


def test_emodb_becomes_a_corpus_folder(tmp_path: Path, audb_host: Path, cache: Path) -> None:
    out = tmp_path / "emodb"
    assert get(out, audb_host, cache) == 0
    clips = read_corpus(out)
    assert [clip.path.stem for clip in clips] == list(EMODB_FILES)
    first, last = clips[0].fields, clips[-1].fields
    assert (first["speaker"], first["sex"], first["age"]) == ("03", "male", "31")
    assert (last["speaker"], last["sex"], last["age"]) == ("08", "female", "34")
    assert [clip.fields["emotion"] for clip in clips] == ["happiness", "anger"] * 2
    assert "arousal" not in first  # nobody rated it: no label is made up
    info = soundfile.info(clips[0].path)
    assert (info.samplerate, info.channels) == (16_000, 1)
    assert float(first["duration"]) == pytest.approx(len(read_audio(clips[0].path)) / 16_000, 1e-3)


def test_the_licence_is_recorded(tmp_path: Path, audb_host: Path, cache: Path) -> None:
    out = tmp_path / "emodb"
    assert get(out, audb_host, cache) == 0
    assert licence_of(out) == {
        "name": "EMO-DB (Berlin Database of Emotional Speech), 1.4.1",
        "licence": "CC0-1.0",
    }
    record = json.loads((out / "licence.json").read_text())
    assert (record["dataset"], record["version"]) == ("emodb", "1.4.1")
    assert record["stated_by_database"] == "CC0-1.0"
    assert record["usage_stated_by_database"] == "unrestricted"


def test_crema_d_brings_its_votes_without_the_silent_file(
    tmp_path: Path, audb_host: Path, cache: Path
) -> None:
    out = tmp_path / "crema-d"
    assert get(out, audb_host, cache, name="crema-d") == 0
    clips = {clip.path.stem: clip.fields for clip in read_corpus(out)}
    assert sorted(clips) == sorted(CREMA_FILES[:3])  # 1076_MTI_SAD_XX is marked corrupted
    happy = clips["1001_IEO_HAP_HI"]
    assert (happy["arousal"], happy["votes"], happy["voted"]) == ("0.7437", "10", "happiness")
    assert (happy["sex"], happy["emotion"]) == ("male", "happiness")
    sad = clips["1002_IEO_SAD_LO"]
    assert (sad["emotion"], sad["voted"], sad["agreement"]) == ("sadness", "neutral", "0.7000")

    by_face = tmp_path / "by-face"
    assert get(by_face, audb_host, cache, "--weight", "face=1", name="crema-d") == 0
    clips = {clip.path.stem: clip.fields for clip in read_corpus(by_face)}
    assert clips["1002_IEO_SAD_LO"]["voted"] == "sadness"


def test_a_second_run_needs_neither_repository_nor_copies(
    tmp_path: Path, audb_host: Path, cache: Path
) -> None:
    out, host = tmp_path / "emodb", tmp_path / "host"
    shutil.copytree(audb_host, host)
    own_cache = tmp_path / "cache"
    assert get(out, host, own_cache) == 0
    manifest = (out / "manifest.csv").read_bytes()
    times = {path: path.stat().st_mtime_ns for path in (out / "audio").iterdir()}
    shutil.rmtree(host / REPOSITORY_NAME / "emodb")
    # As after a run that was killed while it wrote: one file and the manifest are missing.
    killed = out / "audio" / f"{EMODB_FILES[0]}.wav"
    killed.unlink()
    (out / "manifest.csv").unlink()
    assert get(out, host, own_cache) == 0
    assert (out / "manifest.csv").read_bytes() == manifest
    assert killed.is_file()
    for path, time in times.items():
        assert path == killed or path.stat().st_mtime_ns == time


def test_a_damaged_copy_is_written_anew(tmp_path: Path, audb_host: Path, cache: Path) -> None:
    out = tmp_path / "emodb"
    assert get(out, audb_host, cache) == 0
    copy = out / "audio" / f"{EMODB_FILES[1]}.wav"
    whole = copy.read_bytes()
    copy.write_bytes(whole[:100])
    assert get(out, audb_host, cache) == 0
    assert copy.read_bytes() == whole


def test_versions_are_pinned_and_not_mixed(
    tmp_path: Path, audb_host: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "emodb"
    assert get(out, audb_host, cache, "--version", "1.4.0") == 0
    assert licence_of(out)["name"].endswith("1.4.0")
    assert get(out, audb_host, cache) == 2
    assert "holds emodb 1.4.0" in capsys.readouterr().err


def test_laryngograms_are_no_speech(
    tmp_path: Path, audb_host: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out, own_cache = tmp_path / "emodb", tmp_path_factory.mktemp("cache")
    assert get(out, audb_host, own_cache, "--version", "2.0.0") == 0
    assert [clip.path.stem for clip in read_corpus(out)] == list(EMODB_FILES)
    assert not list(own_cache.rglob("laryngo/*.wav"))  # nor are they loaded


def test_a_folder_with_other_files_is_not_touched(
    tmp_path: Path, audb_host: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert get(tmp_path, audb_host, cache) == 2
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_unknown_dataset_names_the_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "get", "emo", "--out", str(tmp_path / "x")]) == 2
    assert "known: emodb, crema-d" in capsys.readouterr().err


def test_unknown_version_names_the_available(
    tmp_path: Path, audb_host: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert get(tmp_path / "x", audb_host, cache, "--version", "9.0.0") == 2
    printed = capsys.readouterr().err
    assert "no version 9.0.0 of emodb" in printed and "1.4.0, 1.4.1, 2.0.0" in printed
    assert not (tmp_path / "x").exists()


def test_a_dataset_that_the_repository_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host" / REPOSITORY_NAME).mkdir(parents=True)
    assert get(tmp_path / "x", tmp_path / "host", tmp_path / "cache") == 2
    assert "no dataset emodb in local" in capsys.readouterr().err


def test_no_such_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert get(tmp_path / "x", tmp_path / "nowhere", tmp_path / "cache") == 2
    assert "no repository local" in capsys.readouterr().err


def test_a_database_of_another_layout_is_refused_with_its_tables() -> None:
    audformat = pytest.importorskip("audformat")
    database = audformat.Database("emodb")
    database["mood"] = audformat.Table(audformat.filewise_index(["wav/a.wav"]))
    with pytest.raises(InputError, match=r"no table holds the column 'emotion'.*tables: mood"):
        manifest_rows(database, known_dataset("emodb"), VoteRule())


def test_without_network_the_error_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port 9 of this machine: nobody listens, so the answer is quick and the same everywhere."""
    away = [audb.Repository("public", "127.0.0.1:9", "s3")]
    monkeypatch.setattr(audb.config, "REPOSITORIES", away)

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Cannot find version '1.4.1' for database 'emodb'.")

    monkeypatch.setattr(audb, "load", refuse)  # as audb puts it, after its own long retries
    code = main(["data", "get", "emodb", "--out", str(tmp_path / "x"), "--cache", str(tmp_path)])
    assert code == 2
    printed = capsys.readouterr().err
    assert "127.0.0.1:9 cannot be reached" in printed and "--repository" in printed


def test_without_audb_the_error_names_the_extra(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "audb", None)
    assert main(["data", "get", "emodb", "--out", str(tmp_path / "x")]) == 3
    assert "edge-ser[data]" in capsys.readouterr().err
