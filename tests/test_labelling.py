"""Label stores: resumed runs add only what is missing, bad files are listed, damage is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from numpy.typing import NDArray

from edge_ser.audio.corpus import read_corpus
from edge_ser.checkpoint import sha256_of
from edge_ser.errors import InputError
from edge_ser.labelling.answer import Outcome, Task
from edge_ser.labelling.label import label
from edge_ser.labelling.quarantine import Quarantine
from edge_ser.labelling.store import LabelRow, LabelStore


class LoudnessTeacher:
    """Answers with simple statistics, and dies after so many clips if told to."""

    id, licence = "loudness", "CC0-1.0"

    def __init__(self, weights: str = "a" * 64, dies_after: int | None = None) -> None:
        self.weights_sha256, self.dies_after, self.calls = weights, dies_after, 0

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.calls == self.dies_after:
            raise KeyboardInterrupt
        self.calls += 1
        return np.array([np.abs(audio).max(), audio.std(), len(audio) / 16_000], np.float32)

    def predict_batch(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([self.predict(row) for row in audio])


def test_rows_say_what_the_teacher_said(tiny_corpus: Path, tmp_path: Path) -> None:
    clips, store = read_corpus(tiny_corpus), LabelStore(tmp_path / "store")
    result = label(clips, LoudnessTeacher(), store)
    rows = {row.audio_sha256: row for row in store.rows()}
    assert result.labelled == len(rows) == 20
    audio, _ = soundfile.read(clips[3].path, dtype="float32")
    row = rows[sha256_of(clips[3].path)]
    assert row.adv == pytest.approx(LoudnessTeacher().predict(audio).tolist())
    assert row.duration == pytest.approx(len(audio) / 16_000, abs=1e-4)
    assert (row.teacher_id, row.teacher_licence) == ("loudness", "CC0-1.0")


def test_a_killed_run_goes_on(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_ser.labelling.label._ROWS_PER_PART", 4)
    clips, store = read_corpus(tiny_corpus), LabelStore(tmp_path / "store")
    with pytest.raises(KeyboardInterrupt):
        label(clips, LoudnessTeacher(dies_after=10), store)
    assert len(list(store.rows())) == 10  # two parts, and what was pending
    second = LoudnessTeacher()
    result = label(clips, second, store)
    assert (result.labelled, result.known, second.calls) == (10, 10, 10)
    assert len({row.audio_sha256 for row in store.rows()}) == 20
    third = label(clips, LoudnessTeacher(), store)
    assert (third.labelled, third.known) == (0, 20)


def test_bad_audio_is_quarantined_with_the_reason(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    source = read_corpus(tiny_corpus)[0].path
    (folder / "good.wav").write_bytes(source.read_bytes())
    bad = folder / "truncated.wav"
    bad.write_bytes(source.read_bytes()[:20])
    store = LabelStore(tmp_path / "store")
    result = label(read_corpus(folder), LoudnessTeacher(), store)
    assert (result.labelled, result.known) == (1, 0)
    (entry,) = result.quarantined
    assert (entry.path, entry.audio_sha256) == (str(bad), sha256_of(bad))
    assert "cannot be read" in entry.reason
    quarantine = Quarantine(store.folder)
    assert list(quarantine.entries()) == [entry]

    def must_not_run(tasks: Sequence[Task]) -> Iterator[Outcome]:
        raise AssertionError(f"{tasks} were tried again")

    again = label(read_corpus(folder), LoudnessTeacher(), store, must_not_run)
    assert (again.labelled, again.known, again.quarantined) == (0, 1, [entry])
    assert quarantine.release() == 1
    bad.write_bytes(read_corpus(tiny_corpus)[1].path.read_bytes())  # repaired
    mended = label(read_corpus(folder), LoudnessTeacher(), store)
    assert (mended.labelled, mended.known, mended.quarantined) == (1, 1, [])
    (quarantine.folder / "x.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        list(quarantine.entries())


def test_a_file_that_is_not_there_is_quarantined(tiny_corpus: Path, tmp_path: Path) -> None:
    clip = read_corpus(tiny_corpus)[0]
    gone = replace(clip, path=tmp_path / "gone.wav")
    result = label([clip, gone], LoudnessTeacher(), LabelStore(tmp_path / "store"))
    assert result.labelled == 1
    assert [entry.path for entry in result.quarantined] == [str(gone.path)]


def test_copies_are_labelled_once(tiny_corpus: Path, tmp_path: Path) -> None:
    clip = read_corpus(tiny_corpus)[0]
    copy = tmp_path / "copy.wav"
    copy.write_bytes(clip.path.read_bytes())
    teacher = LoudnessTeacher()
    result = label([clip, replace(clip, path=copy)], teacher, LabelStore(tmp_path / "store"))
    assert (result.labelled, result.known, teacher.calls) == (1, 1, 1)


def test_labels_are_found_by_content(tiny_corpus: Path, tmp_path: Path) -> None:
    clips, store = read_corpus(tiny_corpus), LabelStore(tmp_path / "store")
    label(clips[:5], LoudnessTeacher(), store)
    adv = store.adv_of([sha256_of(clip.path) for clip in clips[:6]])
    assert np.isfinite(adv[:5]).all()
    assert np.isnan(adv[5]).all()


def test_two_teachers_in_one_store_are_not_mixed_up(tiny_corpus: Path, tmp_path: Path) -> None:
    clips, store = read_corpus(tiny_corpus)[:2], LabelStore(tmp_path / "store")
    label(clips, LoudnessTeacher("a" * 64), store)
    assert label(clips, LoudnessTeacher("b" * 64), store).labelled == 2
    with pytest.raises(InputError, match="labels of 2 teachers"):
        store.adv_of(["x"])


def test_missing_and_damaged_stores_are_refused(tiny_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label store"):
        list(LabelStore(tmp_path / "absent").rows())
    store = LabelStore(tmp_path / "store")
    label(read_corpus(tiny_corpus)[:1], LoudnessTeacher(), store)
    part = next(store.folder.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        list(store.rows())


def test_two_runs_on_one_store_keep_both_parts(tmp_path: Path) -> None:
    store = LabelStore(tmp_path / "store")
    rows = [LabelRow(str(n), "a.wav", 1.0, 0.1, 0.2, 0.3, "t", "a" * 64, "CC0") for n in range(3)]
    store.append(rows[:1])
    first = (store.folder / "part-000000.parquet").read_bytes()

    class Late(LabelStore):
        """Lists the folder before the other run's part appears in it."""

        def _publish(self, partial: Path) -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Path, "glob", lambda *_: iter(()))
                super()._publish(partial)

    Late(store.folder).append(rows[1:2])
    (store.folder / "part-from-elsewhere.parquet").write_bytes(first)
    store.append(rows[2:])
    names = sorted(path.name for path in store.folder.glob("part-0*"))
    assert names == [f"part-00000{number}.parquet" for number in range(3)]
    assert {row.audio_sha256 for row in store.rows()} == {"0", "1", "2"}
    assert not list(store.folder.glob("writing-*"))


def test_a_store_without_rows_is_refused(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    schema = {"audio_sha256": pa.string(), "path": pa.string(), "duration": pa.float64(),
              "arousal": pa.float64(), "dominance": pa.float64(), "valence": pa.float64(),
              "teacher_id": pa.string(), "teacher_sha256": pa.string(),
              "teacher_licence": pa.string()}  # fmt: skip
    table = pa.table({name: pa.array([], kind) for name, kind in schema.items()})
    pq.write_table(table, tmp_path / "part-000000.parquet")
    with pytest.raises(InputError, match="holds no labels"):
        store.teacher()


def test_the_documented_example_writes_a_store_for_a_foreign_teacher(
    repository: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = (repository / "docs" / "TRAINING.md").read_text()
    example = document.split("```python\n")[1].split("```")[0]
    (tmp_path / "recordings").mkdir()
    clips = read_corpus(tiny_corpus)[:3]
    for clip in clips:
        (tmp_path / "recordings" / clip.name).write_bytes(clip.path.read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(example, {"my_model": lambda audio, rate: (0.1, 0.2, len(audio) / rate)})
    store = LabelStore(tmp_path / "labels")
    adv = store.adv_of([sha256_of(clip.path) for clip in clips])
    assert adv[:, :2] == pytest.approx(np.array([[0.1, 0.2]] * 3))
    assert store.teacher().licence == "MIT"
    assert adv[:, 2] == pytest.approx([row.duration for row in store.rows()])


def test_the_documented_columns_are_the_stores(repository: Path) -> None:
    document = (repository / "docs" / "TRAINING.md").read_text()
    table = document.split("| --- | --- | --- |\n")[1].split("\n\n")[0]
    names = [name for line in table.splitlines() for name in line.split("|")[1].split("`")[1::2]]
    assert names == [field.name for field in fields(LabelRow)]
