"""Reading audio files and corpora: what is accepted, what is refused and how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_ser.audio.attribution import attributions
from edge_ser.audio.corpus import Clip, check_distinct, licence_of, read_corpus
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


def _manifest(folder: Path, *names: str) -> Path:
    folder.mkdir()
    (folder / "manifest.csv").write_text("\n".join(["path", *names]) + "\n")
    return folder


def test_a_licence_is_not_taken_from_the_name_of_a_folder(tmp_path: Path) -> None:
    own = _manifest(tmp_path / "emodb", "audio/anna_angry.wav", "audio/03a01Fa.wav")
    assert licence_of(own) == {"name": "emodb", "licence": "not stated"}
    known = _manifest(tmp_path / "any", "audio/03a01Fa.flac", "audio/16b10Wb.flac")
    assert licence_of(known)["licence"] == "CC0-1.0"
    noise = _manifest(tmp_path / "n", "esc10_1-110389-A.ogg", "speech_commands_pink_noise.ogg")
    assert licence_of(noise)["name"].startswith("ESC-10")


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        ("emodb", "EMO-DB"),
        ("speech", "speechocean762"),
        ("noise", "ESC-10"),
        ("nemo_dev", "nemo_dev"),
    ],
)
def test_the_corpora_of_the_shipped_models_are_known(
    corpus: str, name: str, shared_data: Path
) -> None:
    assert licence_of(shared_data / corpus)["name"].startswith(name)


def test_a_spreadsheets_manifest_is_read(tmp_path: Path) -> None:
    text = "path,speaker\r\na.wav,Zoë\r\n"
    (tmp_path / "manifest.csv").write_bytes(text.encode("utf-8-sig"))
    assert read_corpus(tmp_path)[0].fields == {"speaker": "Zoë"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,speaker\na.wav,1\nb.wav\n", "line 3 does not fit the columns path, speaker"),
        (b"path,speaker\na.wav,1,2\n", "line 2 does not fit"),
        (b"path,speaker\n,1\n", "line 2 does not fit"),
        ("path,speaker\na.wav,1\nb.wav,Zoë\n".encode("latin-1"), "not UTF-8 text .about line 3"),
    ],
)
def test_damaged_manifests_are_refused_with_the_line(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_corpus(tmp_path)


def test_a_corpus_is_named_after_its_real_folder(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_corpus)
    assert read_corpus(Path())[0].speaker == "tiny/03"
    assert licence_of(Path())["name"] == "tiny"
    check_distinct([Path(), tmp_path])
    with pytest.raises(InputError, match="share a name: tiny, tiny"):
        check_distinct([Path(), tmp_path / "tiny"])


def test_cc_by_noise_is_credited_by_set_and_clip() -> None:
    def clip(name: str, notes: str) -> Clip:
        return Clip(Path(name), name, "noise", {"emotion_raw": "Dog bark", "notes": notes})

    lines = attributions(
        [
            clip("audio/esc10_1-110389-A.ogg", "ESC-10; CC-BY"),
            clip("audio/esc10_1-100032-A.ogg", "ESC-10; CC0"),
            clip("audio/speech_commands_tap.ogg", "Speech Commands background, CC BY 4.0"),
        ]
    )
    assert len(lines) == 4
    assert "Piczak" in lines[0]
    assert "Warden" in lines[1]
    expected = (
        "audio/esc10_1-110389-A.ogg: Dog bark; ESC-10; CC-BY; https://freesound.org/s/110389/"
    )
    assert lines[2] == expected
    assert attributions([clip("mine.wav", "CC-BY, me")]) == ["mine.wav: Dog bark; CC-BY, me"]
