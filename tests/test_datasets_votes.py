"""CREMA-D's votes become soft targets; hostile tables are refused in words."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ser.audio.corpus import licence_of, read_corpus
from edge_ser.cli import main
from edge_ser.datasets.crema_d_votes import named_fields, read_votes
from edge_ser.datasets.soft_targets import (
    EMOTIONS,
    VoteRule,
    distribution,
    soft_target,
    target_fields,
)
from edge_ser.errors import InputError
from edge_ser.teachers.emotion_targets import adv_target

HEADER = '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"'
ROWS = (
    '"100001",0,0,0,1,10,0,"1001_IEO_NEU_XX",11,0.909090909090909,"N"',
    '"100004",2,0,0,6,2,0,"1001_IEO_HAP_HI",10,0.6,"H"',
    '"200004",0,0,0,9,1,0,"1001_IEO_HAP_HI",10,0.9,"H"',
    '"300004",0,0,0,8,0,0,"1001_IEO_HAP_HI",8,1,"H"',
)


def write_table(path: Path, *rows: str, header: str = HEADER) -> Path:
    """A table of votes in the published layout."""
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def test_the_published_layout_is_read_by_modality(tmp_path: Path) -> None:
    votes = read_votes(write_table(tmp_path / "tabulatedVotes.csv", *ROWS))
    assert sorted(votes) == ["1001_IEO_HAP_HI", "1001_IEO_NEU_XX"]
    clip = votes["1001_IEO_HAP_HI"]
    assert sorted(clip) == ["face", "multimodal", "voice"]
    assert clip["voice"] == {
        "anger": 2, "disgust": 0, "fear": 0, "happiness": 6, "neutral": 2, "sadness": 0,
    }  # fmt: skip
    assert clip["face"]["happiness"] == 9


def test_soft_target_is_the_formula_computed_by_hand() -> None:
    """6 happy, 2 angry, 2 neutral, one pseudo-vote: shares 37/66, 13/66, 13/66, 1/66 each."""
    votes = {"voice": {"happiness": 6, "anger": 2, "neutral": 2}}
    shares = distribution(votes, VoteRule())
    assert shares["happiness"] == pytest.approx(37 / 66)
    assert shares["anger"] == shares["neutral"] == pytest.approx(13 / 66)
    assert shares["fear"] == pytest.approx(1 / 66)
    # Arousal points: anger .8345, disgust .675, fear .725, happiness .8035, neutral .5275,
    # sadness .2455 -> (37*.8035 + 13*(.8345 + .5275) + .675 + .725 + .2455) / 66.
    assert soft_target(votes, VoteRule())[0] == pytest.approx(0.74365, abs=1e-5)
    # Valence: anger .205, disgust .2, fear .1975, happiness .8735, neutral .5225, sadness .1298.
    assert soft_target(votes, VoteRule())[2] == pytest.approx(0.64097, abs=1e-4)


def test_without_smoothing_unanimous_votes_are_the_emotions_own_point() -> None:
    for emotion in EMOTIONS:
        target = soft_target({"voice": {emotion: 9}}, VoteRule(smoothing=0))
        assert target == pytest.approx(adv_target(emotion))


def test_who_only_saw_the_face_does_not_count_unless_asked() -> None:
    votes = {"voice": {"neutral": 10}, "face": {"happiness": 10}, "multimodal": {"anger": 10}}
    assert distribution(votes, VoteRule(smoothing=0))["neutral"] == 1
    mixed = VoteRule({"voice": 1.0, "multimodal": 0.5}, smoothing=0)
    assert distribution(votes, mixed)["neutral"] == pytest.approx(2 / 3)
    assert distribution(votes, mixed)["anger"] == pytest.approx(1 / 3)
    assert distribution(votes, mixed)["happiness"] == 0


def test_fields_say_what_the_target_rests_on() -> None:
    tie = target_fields({"voice": {"anger": 4, "fear": 4}}, VoteRule())
    assert (tie["voted"], tie["votes"], tie["agreement"]) == ("", "8", "0.5000")
    few = target_fields({"voice": {"anger": 2}}, VoteRule(fewest=3))
    assert (few["arousal"], few["voted"], few["votes"]) == ("", "anger", "2")
    none = target_fields({}, VoteRule(fewest=0))
    assert (none["arousal"], none["voted"], none["votes"], none["agreement"]) == ("", "", "0", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (({"ear": 1.0},), "ear"),
        (({"voice": 0.0},), "every weight"),
        (({"voice": -1.0},), "at least 0"),
        (({"voice": float("nan")},), "at least 0"),
        (({"voice": 1.0}, float("inf")), "at least 0"),
    ],
)
def test_rules_that_make_no_sense_are_refused(arguments: tuple[Any, ...], says: str) -> None:
    with pytest.raises(InputError, match=says):
        VoteRule(*arguments)


@given(
    counts=st.dictionaries(st.sampled_from(EMOTIONS), st.integers(0, 50), min_size=1),
    smoothing=st.floats(0.01, 20),
)
def test_targets_stay_inside_the_emotions_points(counts: dict[str, int], smoothing: float) -> None:
    rule = VoteRule(smoothing=smoothing)
    assert sum(distribution({"voice": counts}, rule).values()) == pytest.approx(1)
    for axis, value in enumerate(soft_target({"voice": counts}, rule)):
        points = [adv_target(emotion)[axis] for emotion in EMOTIONS]
        assert min(points) - 1e-9 <= value <= max(points) + 1e-9


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('"400001",0,0,0,1,10,0,"x",11,1,"N"', "100001 to 399999"),
        ('"",0,0,0,1,10,0,"x",11,1,"N"', "100001 to 399999"),
        ('"100001",-1,0,0,2,10,0,"x",11,1,"N"', "A '-1'"),
        ('"100001",nan,0,0,1,10,0,"x",11,1,"N"', "A 'nan'"),
        ('"100001",0.5,0,0,1,10,0,"x",11,1,"N"', "A '0.5'"),
        ('"100001",0,0,0,1,10,0,"x",12,1,"N"', "not the sum"),
        ('"100001",0,0,0,1,10,0,"",11,1,"N"', "fileName is empty"),
        ('"100001",0,0,0,1,10,0,"x",11,1', "10 values, not 11"),
        ('"100001",0,0,0,1,10,0,"1001_IEO_HAP_HI",11,1,"N"', "second line of voice votes"),
        ('"100001",' + "9" * 5000 + ',0,0,1,10,0,"x",11,1,"N"', "not a number of votes"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, row: str, says: str) -> None:
    table = write_table(tmp_path / "t.csv", ROWS[1], row)
    with pytest.raises(InputError, match=f"line 3.*{says}"):
        read_votes(table)


def test_other_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column numResponses"):
        read_votes(write_table(tmp_path / "a.csv", header='"",A,D,F,H,N,S,fileName'))
    with pytest.raises(InputError, match="unexpected columns"):
        read_votes(write_table(tmp_path / "b.csv", header="A,D,F,H,N,S,fileName,numResponses"))
    with pytest.raises(InputError, match="holds no votes"):
        read_votes(write_table(tmp_path / "c.csv"))
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\x00A")
    with pytest.raises(InputError, match="not UTF-8"):
        read_votes(tmp_path / "d.csv")


@settings(max_examples=60, deadline=None)
@given(tail=st.binary(max_size=200), keep_header=st.booleans())
def test_hostile_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, keep_header: bool
) -> None:
    table = tmp_path_factory.getbasetemp() / "hostile.csv"
    start = f"{HEADER}\n{ROWS[0]}\n".encode() if keep_header else b""
    table.write_bytes(start + tail)
    try:
        assert "1001_IEO_NEU_XX" in read_votes(table)
    except InputError as error:
        assert str(table) in str(error)


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(st.text(max_size=8), min_size=11, max_size=11))
def test_hostile_cells_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    table = tmp_path_factory.getbasetemp() / "cells.csv"
    with table.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        file.write(HEADER + "\n")
        csv.writer(file).writerow(cells)
    with pytest.raises(InputError):
        read_votes(table)


def test_names_say_speaker_and_acted_emotion() -> None:
    assert named_fields("1001_IEO_HAP_HI") == {"speaker": "1001", "emotion": "happiness"}
    assert named_fields("03a01Fa") == {}
    assert named_fields("1001_IEO_JOY_HI") == {}


@pytest.fixture
def audio_wav(tmp_path: Path, write_voice: Callable[..., None]) -> Path:
    """A clone's AudioWAV with two of the table's clips and one that nobody rated."""
    folder = tmp_path / "AudioWAV"
    folder.mkdir()
    for name in ("1001_IEO_NEU_XX", "1001_IEO_HAP_HI", "1002_IEO_SAD_LO"):
        write_voice(folder / f"{name}.wav")
    return folder


def test_the_verb_writes_targets_into_the_manifest(
    tmp_path: Path, audio_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "tabulatedVotes.csv", *ROWS)
    people = tmp_path / "VideoDemographics.csv"
    people.write_text('"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","x","y"\n')
    arguments = ["--table", str(table), "--demographics", str(people)]
    assert main(["data", "votes", str(audio_wav), *arguments]) == 0
    assert "2 of 3 clips have a target" in capsys.readouterr().out
    happy, neutral, unrated = read_corpus(audio_wav)
    assert happy.fields["speaker"] == "1001"
    assert (happy.fields["sex"], happy.fields["age"]) == ("male", "51")
    assert (happy.fields["emotion"], happy.fields["voted"]) == ("happiness", "happiness")
    assert happy.fields["arousal"] == "0.7437"
    assert neutral.fields["agreement"] == "0.9091"
    assert (unrated.fields["arousal"], unrated.fields["sex"]) == ("", "")
    assert licence_of(audio_wav)["licence"] == "ODbL-1.0"
    assert json.loads((audio_wav / "licence.json").read_text())["url"].endswith("odbl/1-0/")

    again = ["data", "votes", str(audio_wav), *arguments, "--weight", "face=1", "--smoothing", "0"]
    assert main(again) == 0
    assert read_corpus(audio_wav)[0].fields["agreement"] == "0.9000"


def test_a_clone_is_known_by_its_file_names(audio_wav: Path) -> None:
    assert licence_of(audio_wav)["licence"] == "ODbL-1.0"
    (audio_wav / "1002_IEO_SAD_LO.wav").rename(audio_wav / "mine.wav")
    assert licence_of(audio_wav)["licence"] == "not stated"


def test_votes_for_other_files_are_refused(
    tmp_path: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "t.csv", *ROWS)
    before = (tiny_corpus / "manifest.csv").read_text()
    assert main(["data", "votes", str(tiny_corpus), "--table", str(table)]) == 2
    assert "no votes for any file" in capsys.readouterr().err
    assert (tiny_corpus / "manifest.csv").read_text() == before
    assert main(["data", "votes", str(tiny_corpus), "--table", str(tmp_path / "none.csv")]) == 2


def test_targets_are_what_evaluate_reads(tmp_path: Path, audio_wav: Path) -> None:
    from edge_ser.evaluation.labels import labels_of

    table = write_table(tmp_path / "t.csv", *ROWS)
    assert main(["data", "votes", str(audio_wav), "--table", str(table)]) == 0
    labels = labels_of(read_corpus(audio_wav))
    assert labels is not None
    assert labels[0] == pytest.approx([0.7437, 0.6486, 0.6410])
