"""Splits keep speakers apart, are balanced, and are the same for the same seed."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ser.audio.corpus import Clip, licence_of, read_corpus
from edge_ser.cli import main
from edge_ser.datasets.splits import SplitPlan, folds, speakers_on_several_sides, split
from edge_ser.errors import InputError

EMOTIONS = ("anger", "neutral", "sadness")
PARTS = {"train": 0.6, "dev": 0.2, "test": 0.2}


def clips_of(speakers: int, each: int = 6) -> list[Clip]:
    """Speakers s0, s1, ..., even ones women, each with all emotions."""
    return [
        Clip(
            Path(f"{speaker}-{take}.wav"), f"{speaker}-{take}.wav", "corpus",
            {
                "speaker": f"s{speaker}",
                "sex": "female" if speaker % 2 == 0 else "m",
                "emotion": EMOTIONS[take % 3],
            },
        )
        for speaker in range(speakers)
        for take in range(each)
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=14),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_speaker_is_on_two_sides_and_no_part_is_empty(sizes: list[int], seed: int) -> None:
    clips = [
        Clip(Path("x"), f"{speaker}-{take}", "c", {"speaker": str(speaker)})
        for speaker, size in enumerate(sizes)
        for take in range(size)
    ]
    parts = split(clips, SplitPlan(PARTS, seed=seed))
    assert speakers_on_several_sides(clips, parts) == []
    assert set(parts) == set(PARTS)


def test_folds_hold_a_woman_and_a_man_each() -> None:
    clips = clips_of(10)
    parts = split(clips, SplitPlan(folds(5)))
    for fold in map(str, range(5)):
        mine = [clip for clip, part in zip(clips, parts, strict=True) if part == fold]
        assert sorted({clip.fields["sex"] for clip in mine}) == ["female", "m"]
        assert Counter(clip.fields["emotion"] for clip in mine) == dict.fromkeys(EMOTIONS, 4)


def test_shares_are_met_as_far_as_whole_speakers_allow() -> None:
    counts = Counter(split(clips_of(20), SplitPlan(PARTS)))
    assert counts == {"train": 72, "dev": 24, "test": 24}


def test_one_seed_one_split_whatever_the_order() -> None:
    clips = clips_of(9)
    first = split(clips, SplitPlan(PARTS, seed=4))
    assert split(clips, SplitPlan(PARTS, seed=4)) == first
    backwards = split(clips[::-1], SplitPlan(PARTS, seed=4))
    assert backwards[::-1] == first
    others = {tuple(split(clips, SplitPlan(PARTS, seed=seed))) for seed in range(5)}
    assert len(others) > 1


def test_by_clip_balances_emotions_and_lets_speakers_overlap() -> None:
    clips = clips_of(2, each=30)
    parts = split(clips, SplitPlan(PARTS, by_speaker=False))
    assert Counter(parts) == {"train": 36, "dev": 12, "test": 12}
    assert speakers_on_several_sides(clips, parts) == ["s0", "s1"]


@pytest.mark.parametrize(
    "parts", [{"train": 1.0}, {"a": 0.5, "b": 0.6}, {"a": 1.0, "b": 0.0}, {"a": 1.5, "b": -0.5}]
)
def test_shares_that_are_no_split_are_refused(parts: dict[str, float]) -> None:
    with pytest.raises(InputError):
        SplitPlan(parts)


def test_too_few_speakers_and_no_speakers_are_refused() -> None:
    with pytest.raises(InputError, match="2 speakers cannot be divided into 3 parts"):
        split(clips_of(2), SplitPlan(PARTS))
    nameless = [Clip(Path("x"), "x.wav", "c", {"emotion": "anger"})]
    with pytest.raises(InputError, match="1 clips have no speaker"):
        split(nameless, SplitPlan(PARTS))


def test_the_verb_writes_a_column(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of(tiny_corpus, tmp_path)
    assert main(["data", "split", str(folder), "--parts", "train=0.5", "test=0.5"]) == 0
    printed = capsys.readouterr().out
    assert "train: 10 clips, 2 speakers" in printed and "test: 10 clips, 2 speakers" in printed
    clips = read_corpus(folder)
    assert {clip.fields["split"] for clip in clips} == {"train", "test"}
    assert {clip.fields["emotion"] for clip in clips} == {
        "anger", "fear", "happiness", "neutral", "sadness",
    }  # fmt: skip
    assert speakers_on_several_sides(clips, [clip.fields["split"] for clip in clips]) == []
    assert main(["data", "split", str(folder), "--folds", "4"]) == 0
    assert {clip.fields["fold"] for clip in read_corpus(folder)} == set("0123")
    assert main(["data", "split", str(folder), "--folds", "5"]) == 2


def test_the_verb_writes_folders_that_every_verb_reads(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tiny_corpus / "manifest.csv").read_bytes()
    words = ["data", "split", str(tiny_corpus), "--folds", "2", "--folders", str(tmp_path / "o")]
    assert main(words) == 0
    assert (tiny_corpus / "manifest.csv").read_bytes() == before
    one, two = (read_corpus(tmp_path / "o" / f"tiny-{fold}") for fold in (0, 1))
    assert len(one) == len(two) == 10
    assert all(clip.path.is_file() for clip in one + two)
    assert not {clip.fields["speaker"] for clip in one} & {clip.fields["speaker"] for clip in two}
    assert licence_of(tmp_path / "o" / "tiny-0") == {"name": "tiny", "licence": "not stated"}
    assert main(["data", "check", str(tmp_path / "o" / "tiny-0")]) == 0


def test_by_clip_is_said_aloud(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of(tiny_corpus, tmp_path)
    assert main(["data", "split", str(folder), "--by", "clip", "--parts", "a=.5", "b=.5"]) == 0
    assert "WARNING: 4 speakers are on several sides" in capsys.readouterr().out


def copy_of(corpus: Path, folder: Path) -> Path:
    """A corpus whose manifest may be changed; audio is linked."""
    copy = folder / "corpus"
    copy.mkdir()
    for path in corpus.glob("*.wav"):
        (copy / path.name).symlink_to(path)
    with (corpus / "manifest.csv").open() as source:
        rows = list(csv.reader(source))
    with (copy / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return copy
