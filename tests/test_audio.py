"""Reading audio files and corpora: what is accepted, what is refused and how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_ser.audio.corpus import licence_of, read_corpus
from edge_ser.audio.files import read_audio, resample
from edge_ser.errors import InputError


def test_stereo_at_another_rate_becomes_mono_16k(tmp_path: Path) -> None:
    time = np.arange(44_100) / 44_100
    tone = np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "stereo.wav", np.stack([tone, 0 * tone], axis=1), 44_100)
    audio = read_audio(tmp_path / "stereo.wav")
    assert audio.dtype == np.float32
    assert len(audio) == 16_000
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(audio - expected)[500:-500].max() < 1e-3


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    signal = np.arange(5, dtype=np.float32)
    assert resample(signal, 16_000, 16_000) is signal


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not audio at all" * 50])
def test_what_is_not_audio_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as audio"):
        read_audio(tmp_path / "bad.wav")


def test_missing_empty_and_infinite_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audio file"):
        read_audio(tmp_path / "absent.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    with pytest.raises(InputError, match="no samples"):
        read_audio(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match="not finite"):
        read_audio(tmp_path / "nan.wav")


def test_a_folder_without_manifest_is_read_as_a_tree(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.wav", "deep/a.flac"):
        soundfile.write(tmp_path / name, np.zeros(100), 16_000)
    (tmp_path / "notes.txt").write_text("not audio")
    assert [clip.name for clip in read_corpus(tmp_path)] == ["b.wav", "deep/a.flac"]


def test_a_manifest_decides_and_its_columns_arrive(tiny_corpus: Path) -> None:
    clips = read_corpus(tiny_corpus)
    assert len(clips) == 20
    assert clips[0].speaker == "tiny/03"
    assert {clip.fields["emotion"] for clip in clips} >= {"anger", "sadness"}


def test_unusable_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audio folder"):
        read_corpus(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no audio"):
        read_corpus(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,speaker\na.wav,1\n")
    with pytest.raises(InputError, match="no 'path' column"):
        read_corpus(tmp_path)


def test_a_corpus_states_its_licence(tmp_path: Path) -> None:
    assert licence_of(tmp_path)["licence"] == "not stated"
    (tmp_path / "licence.json").write_text('{"name": "Ours", "licence": "CC-BY-4.0"}')
    assert licence_of(tmp_path) == {"name": "Ours", "licence": "CC-BY-4.0"}
    (tmp_path / "licence.json").write_text('{"name": "Ours"}')
    with pytest.raises(InputError, match="does not state"):
        licence_of(tmp_path)
