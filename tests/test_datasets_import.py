"""Any folder with a table becomes a corpus folder, or the table is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ser.audio.corpus import licence_of, read_corpus
from edge_ser.cli import main
from edge_ser.datasets.table_import import TableImport, import_table
from edge_ser.errors import InputError


@pytest.fixture
def recordings(tmp_path: Path, write_voice: Callable[..., None]) -> Path:
    """Three files, one of them in a sub-folder."""
    folder = tmp_path / "recordings"
    (folder / "late").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "late/c.wav"):
        write_voice(folder / name)
    return folder


def run(folder: Path, table: str, *more: str, column: str = "path=file") -> int:
    """Run the verb on a table written beside the folder."""
    path = folder.parent / "labels.csv"
    path.write_text(table)
    named = ["--name", "Our calls", "--licence", "CC-BY-4.0"]
    words = ["data", "import", str(folder), "--table", str(path), "--column", column]
    return main([*words, *named, *more])


def test_columns_emotions_and_scales_are_mapped(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "file,who,label,act,sex\na.wav,s1,ang,7,F\nb,s2,neu,1,m\nc.wav,s1,odd,,\n"
    mapping = [
        "--column", "speaker=who", "--column", "emotion=label", "--column", "arousal=act",
        "--column", "sex=sex", "--emotion", "ang=anger", "--emotion", "neu=neutral",
        "--label-range", "1", "7",
    ]  # fmt: skip
    assert run(recordings, table, *mapping) == 0
    printed = capsys.readouterr().out
    assert "3 clips" in printed and "anger: 1" in printed
    assert "odd: 1  (not known to this toolkit" in printed
    a, b, c = read_corpus(recordings)
    assert a.fields == {"speaker": "s1", "emotion": "anger", "arousal": "1", "sex": "female"}
    assert (b.fields["arousal"], b.fields["emotion"], b.fields["sex"]) == ("0", "neutral", "male")
    assert c.name == "late/c.wav"  # found by its name alone
    assert c.fields["arousal"] == ""
    assert licence_of(recordings) == {"name": "Our calls", "licence": "CC-BY-4.0"}


def test_a_manifest_is_overwritten_only_when_asked(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recordings, "file\na.wav\n") == 0
    assert run(recordings, "file\nb.wav\n") == 2
    assert "--replace" in capsys.readouterr().err
    assert run(recordings, "file\nb.wav\n", "--replace") == 0
    assert [clip.name for clip in read_corpus(recordings)] == ["b.wav"]


def test_rows_without_audio(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(recordings, "file\na.wav\nx.wav\n") == 2
    assert "1 of 2 rows" in capsys.readouterr().err
    assert not (recordings / "manifest.csv").exists()
    assert run(recordings, "file\na.wav\nx.wav\n", "--skip-missing") == 0
    assert "1 rows without audio" in capsys.readouterr().out
    assert run(recordings, "file\nx.wav\n", "--skip-missing", "--replace") == 2


@pytest.mark.parametrize("path", ["../outside.wav", "/etc/passwd", "..", ""])
def test_paths_outside_the_folder_are_not_found(recordings: Path, path: str) -> None:
    (recordings.parent / "outside.wav").write_bytes((recordings / "a.wav").read_bytes())
    assert run(recordings, f"file,n\n{path},1\n") == 2


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("name\na.wav\n", "no column file"),
        ("", "no column file"),
        ("file,x\na.wav\n", "line 2 does not fit"),
        ("file,x\na.wav,1,2\n", "line 2 does not fit"),
        ("file,x\na.wav,1\na,2\n", "lines 2 and 3 describe a.wav"),
    ],
)
def test_malformed_tables_are_refused(
    recordings: Path, table: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recordings, table) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("label", ["8", "0.5", "high", "nan", "inf"])
def test_labels_off_their_scale_are_refused(
    recordings: Path, label: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = f"file,act\na.wav,{label}\n"
    assert run(recordings, table, "--column", "arousal=act", "--label-range", "1", "7") == 2
    assert "is no label from 1 to 7" in capsys.readouterr().err


def test_an_empty_scale_is_refused(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = "file,act\na.wav,3\n"
    assert run(recordings, table, "--column", "arousal=act", "--label-range", "3", "3") == 2
    assert "3 3" in capsys.readouterr().err


def test_tabs_and_a_byte_order_mark_are_read(recordings: Path) -> None:
    assert run(recordings, "\ufefffile\twho\na.wav\ts1\n", "--separator", "\t") == 0
    assert run(recordings, "file\n", "--separator", "ab", "--replace") == 2


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=120), header=st.sampled_from([b"", b"path\n", b"path,x\n"]))
def test_hostile_tables_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, header: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "hostile-folder"
    folder.mkdir(exist_ok=True)
    table = folder.parent / "hostile-import.csv"
    table.write_bytes(header + content)
    with pytest.raises(InputError):
        import_table(folder, TableImport(table, {}, "n", "l", skip_missing=True))
