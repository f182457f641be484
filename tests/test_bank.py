"""The augmented bank: reproducible item by item, resumable, bound to its sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_ser.audio.bank import BankSpec, open_or_build
from edge_ser.audio.corpus import read_corpus
from edge_ser.audio.readable import only_readable
from edge_ser.errors import InputError

SPEC = BankSpec(items=300, seconds=0.5, shortest=0.3, mixed=0.5, seed=3)


def test_items_survive_a_kill_and_another_worker_count(
    tiny_corpus: Path, tiny_noise: Path, tmp_path: Path
) -> None:
    clips, noises = read_corpus(tiny_corpus), read_corpus(tiny_noise)
    weights = np.ones(len(clips))
    whole = open_or_build(tmp_path / "a", SPEC, clips, weights, noises, workers=1)
    before = np.array(whole.audio)
    assert before.shape == (300, 8_000)
    assert np.abs(before).max(axis=1).min() > 0
    # A killed run: the second chunk was never finished, and its rows hold rubbish.
    (tmp_path / "a" / "chunk-0000256.done").unlink()
    np.lib.format.open_memmap(tmp_path / "a" / "audio.npy", mode="r+")[256:] = 7
    resumed = open_or_build(tmp_path / "a", SPEC, clips, weights, noises, workers=2)
    assert np.array_equal(resumed.audio, before)


def test_held_out_clips_leak_into_no_item(tiny_corpus: Path, tmp_path: Path) -> None:
    clips = read_corpus(tiny_corpus)
    bank = open_or_build(tmp_path, SPEC, clips, np.ones(len(clips)), [], workers=1)
    allowed = np.array([clip.fields["speaker"] != "03" for clip in clips])
    items = bank.made_only_of(allowed)
    assert 0 < len(items) < 300
    assert allowed[bank.first[items]].all()
    partners = bank.second[items]
    assert allowed[partners[partners >= 0]].all()
    mixed = bank.second >= 0
    assert 0.35 < mixed.mean() < 0.65
    assert (bank.share[~mixed] == 1).all()


def test_clean_items_are_the_heard_ones_before_room_and_noise(
    tiny_corpus: Path, tiny_noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, noises = read_corpus(tiny_corpus), read_corpus(tiny_noise)
    weights = np.ones(len(clips))
    spec = replace(SPEC, items=20, with_clean=True)
    both = open_or_build(tmp_path / "both", spec, clips, weights, noises, workers=1)
    heard = open_or_build(
        tmp_path / "heard", replace(spec, with_clean=False), clips, weights, noises, workers=1
    )
    items = np.arange(20)
    assert np.array_equal(both.batch(items), heard.batch(items))
    with pytest.raises(ValueError, match="no clean items"):
        heard.clean_batch(items)
    monkeypatch.setattr(
        "edge_ser.audio.bank.degrade", lambda signal, *_: signal / (2.5 * abs(signal).max())
    )
    untouched = open_or_build(tmp_path / "untouched", spec, clips, weights, noises, workers=1)
    clean, quiet = both.clean_batch(items), untouched.batch(items)
    for ours, theirs in zip(clean, quiet, strict=True):
        assert np.abs(ours).max() == pytest.approx(0.5, abs=1e-4)
        assert np.corrcoef(ours, theirs)[0, 1] > 0.999


def test_a_bank_of_other_settings_is_refused(tiny_corpus: Path, tmp_path: Path) -> None:
    clips = read_corpus(tiny_corpus)
    small = BankSpec(items=2, seconds=0.5, shortest=0.3)
    open_or_build(tmp_path, small, clips, np.ones(len(clips)), [], workers=1)
    with pytest.raises(InputError, match="other settings: clips"):
        open_or_build(tmp_path, small, clips[:5], np.ones(5), [], workers=1)


def test_a_bad_noise_file_is_named(tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    clips, noises = read_corpus(tiny_corpus), read_corpus(tmp_path)
    with pytest.raises(InputError, match=r"broken\.wav cannot be read"):
        open_or_build(tmp_path / "bank", SPEC, clips, np.ones(len(clips)), noises, workers=1)


def test_a_worker_that_forgets_clips_makes_the_same_bank(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = read_corpus(tiny_corpus)
    weights = np.ones(len(clips))
    small = BankSpec(items=20, seconds=0.5, shortest=0.3, mixed=0.5)
    remembering = open_or_build(tmp_path / "a", small, clips, weights, [], workers=1)
    monkeypatch.setattr("edge_ser.audio.bank._KEPT_CLIPS", 1)
    forgetful = open_or_build(tmp_path / "b", small, clips, weights, [], workers=1)
    assert np.array_equal(remembering.audio, forgetful.audio)


def test_unreadable_files_are_left_out_and_listed(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    clips = read_corpus(tiny_corpus)
    assert only_readable([*clips, *read_corpus(tmp_path)]) == clips
    errors = capsys.readouterr().err
    assert "1 of 21 files are left out" in errors
    assert "broken.wav cannot be read" in errors
