"""What level and duration give away: by hand, on corpora that leak and on one that does not."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_ser.cli import main
from edge_ser.datasets.leakage import eta_squared, guess_from_traits, leak_of
from edge_ser.metrics import auc

CLASSES = ("anger", "neutral", "sadness")


def test_eta_squared_by_hand() -> None:
    # Groups (1, 3) and (5, 7): grand mean 4, between 2*4 + 2*4 = 16, whole 9 + 1 + 1 + 9 = 20.
    values = np.array([1.0, 3.0, 5.0, 7.0])
    assert eta_squared(values, np.array([0, 0, 1, 1])) == pytest.approx(0.8)
    assert eta_squared(values, np.array([0, 1, 1, 0])) == pytest.approx(0.0)
    assert eta_squared(np.full(4, 2.5), np.array([0, 0, 1, 1])) == 0.0


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=30))
def test_auc_is_that_of_the_projects_metrics(pairs: list[tuple[int, bool]]) -> None:
    classes = ["in" if inside else "out" for _, inside in pairs]
    values = np.array([float(value) for value, _ in pairs])
    if len(set(classes)) < 2:
        return
    inside = np.array(classes) == "in"
    found = leak_of("level", values, classes).auc["in"]
    assert found == pytest.approx(auc(values[inside], values[~inside]))


def test_chance_explains_noise_but_not_a_shift() -> None:
    random = np.random.default_rng(0)
    classes = [CLASSES[row % 3] for row in range(120)]
    noise = random.standard_normal(120)
    assert not leak_of("level", noise, classes).leaks
    shifted = noise + 2 * np.array([name == "anger" for name in classes])
    leak = leak_of("level", shifted, classes)
    assert leak.leaks and leak.chance == pytest.approx(0.001)
    assert leak.auc["anger"] > 0.8 > 0.5 > leak.auc["sadness"]


def test_traits_name_the_class_of_unheard_speakers_only_where_they_leak() -> None:
    random = np.random.default_rng(1)
    classes = [CLASSES[row % 3] for row in range(240)]
    speakers = [str(row // 24) for row in range(240)]
    noise = random.standard_normal((240, 2))
    guess = guess_from_traits(noise, classes, speakers)
    assert guess is not None
    assert guess.by_chance == pytest.approx(1 / 3)
    assert guess.recall == pytest.approx(1 / 3, abs=0.12)
    shifted = noise + 10 * np.array([[CLASSES.index(name), 0] for name in classes])
    clear = guess_from_traits(shifted, classes, speakers)
    assert clear is not None and clear.recall == 1.0
    assert guess_from_traits(noise, classes, ["one"] * 240) is None
    constant = guess_from_traits(np.ones((240, 2)), classes, speakers)
    assert constant is not None and constant.recall == pytest.approx(1 / 3)


@pytest.fixture
def corpus(tmp_path: Path, write_voice: Callable[..., None]) -> Callable[..., Path]:
    """Makes a corpus of 3 classes x 4 speakers x 3 takes; gains and seconds by class."""

    def make(gains: tuple[float, ...], seconds: tuple[float, ...]) -> Path:
        folder = tmp_path / "corpus"
        folder.mkdir()
        rows = []
        for number in range(36):
            kind, speaker = number % 3, number // 9
            name = f"{number}.wav"
            length = seconds[kind] + 0.01 * (number // 3 % 3)
            write_voice(folder / name, length, gains[kind], seed=number // 3)
            part = "train" if speaker < 2 else "test"
            rows.append((name, f"s{speaker}", CLASSES[kind], part))
        with (folder / "manifest.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("path", "speaker", "emotion", "split"), *rows])
        return folder

    return make


def test_a_loud_class_is_reported(
    corpus: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = corpus((1.0, 0.1, 0.1), (0.2, 0.2, 0.2))
    out = tmp_path / "check.json"
    assert main(["data", "check", str(folder), "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "WARNING: level (dBFS) leaks the emotion: clips of anger are louder" in printed
    assert "duration does not give the emotion away" in printed
    figures = json.loads(out.read_text())
    level, duration = figures["leaks"]
    assert (level["leaks"], duration["leaks"]) == (True, False)
    assert level["auc"]["anger"] == 1.0
    rows = figures["classes"]
    difference = rows["anger"]["level"]["mean"] - rows["neutral"]["level"]["mean"]
    assert difference == pytest.approx(20, abs=0.1)  # a tenth of the amplitude
    assert (rows["anger"]["clips"], rows["anger"]["speakers"]) == (12, 4)
    assert main(["data", "check", str(folder), "--strict"]) == 1


def test_a_long_class_is_reported(
    corpus: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = corpus((0.5, 0.5, 0.5), (0.2, 0.2, 0.5))
    assert main(["data", "check", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "WARNING: duration (s) leaks the emotion: clips of sadness are longer" in printed


def test_an_even_corpus_gets_no_warning(
    corpus: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = corpus((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    assert main(["data", "check", str(folder), "--strict"]) == 0
    printed = capsys.readouterr().out
    assert "WARNING" not in printed
    assert "column split: no speaker is on two sides" in printed


def test_speakers_on_two_sides_fail_the_check(
    corpus: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = corpus((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("s0,anger,train", "s0,anger,test"))
    assert main(["data", "check", str(folder)]) == 1
    assert "WARNING: column split puts 1 speakers on several sides: s0" in capsys.readouterr().out


def test_unreadable_files_fail_the_check(
    corpus: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = corpus((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    (folder / "3.wav").write_bytes(b"not audio")
    assert main(["data", "check", str(folder)]) == 1
    assert "1 files cannot be read" in capsys.readouterr().out


def test_a_corpus_without_classes_is_no_failure(
    tmp_path: Path, write_voice: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_voice(tmp_path / "a.wav")
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "no clip has a value in the column emotion" in capsys.readouterr().out
    (tmp_path / "a.wav").write_bytes(b"")
    assert main(["data", "check", str(tmp_path)]) == 2


def test_the_picture_is_written(corpus: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "leaks.png"
    folder = corpus((1.0, 0.1, 0.1), (0.2, 0.2, 0.2))
    assert main(["data", "check", str(folder), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_emodb_leaks_by_level_and_by_duration(shared_data: Path, tmp_path: Path) -> None:
    """The figures of docs/DATA.md."""
    out = tmp_path / "emodb.json"
    assert main(["data", "check", str(shared_data / "emodb"), "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    level, duration = figures["leaks"]
    assert level["eta_squared"] == pytest.approx(0.28, abs=0.005)
    assert duration["eta_squared"] == pytest.approx(0.43, abs=0.005)
    assert level["auc"]["boredom"] == pytest.approx(0.79, abs=0.005)
    assert duration["auc"]["sadness"] == pytest.approx(0.87, abs=0.005)
    assert figures["guess"]["recall"] == pytest.approx(0.37, abs=0.005)
