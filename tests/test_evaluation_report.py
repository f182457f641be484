"""Whole evaluations with stand-in models: reports, pages, gates, folds, the command's exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.audio.corpus import read_corpus
from edge_ser.cli import main
from edge_ser.errors import InputError
from edge_ser.evaluation.evaluate import Evaluation, Settings, evaluate, reference_for_change
from edge_ser.evaluation.gates import STANDARD, Gate, judge, read_gates
from edge_ser.evaluation.page import render
from edge_ser.evaluation.predictors import predictor_of
from edge_ser.evaluation.robustness import Sources
from edge_ser.evaluation.scoring import MODEL, RANDOM, TEACHER, Fold
from edge_ser.evaluation.text import lines
from edge_ser.evaluation.verdicts import flat_figures, random_passes

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]

LEVELS = {"anger": 0.4, "sadness": 0.05, "neutral": 0.2, "fear": 0.3, "happiness": 0.25}
IDEAL = {
    "anger": (0.9, 0.9, 0.2),
    "sadness": (0.1, 0.1, 0.1),
    "neutral": (0.45, 0.45, 0.45),
    "fear": (0.8, 0.2, 0.15),
    "happiness": (0.7, 0.5, 0.8),
}


def knowing(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """The emotion's ideal, read off the level that `corpus` gave it."""
    level = float(np.sqrt(np.mean(np.square(audio.astype(np.float64)))))
    nearest = min(LEVELS, key=lambda emotion: abs(LEVELS[emotion] - level))
    return np.array(IDEAL[nearest], np.float32)


def constant(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.full(3, 0.5, np.float32)


@dataclass(frozen=True)
class Choice:
    """What stands for a teacher."""

    predict: Predict = knowing

    def load(self) -> Choice:
        return self


def corpus(folder: Path, speakers: str = "ab", columns: str = "speaker,sex,emotion") -> Path:
    (folder / "audio").mkdir(parents=True)
    rows = [f"path,{columns}"]
    for number, speaker in enumerate(speakers):
        for emotion, level in LEVELS.items():
            noise = np.random.default_rng(len(rows)).standard_normal(8_000)
            clip = (noise / np.sqrt(np.mean(noise**2)) * level).clip(-0.99, 0.99)
            name = f"audio/{speaker}_{emotion}.wav"
            soundfile.write(folder / name, clip, 16_000, subtype="FLOAT")
            known = {"speaker": speaker, "sex": "fm"[number % 2], "emotion": emotion}
            known |= dict(zip(DIMENSIONS, map(str, IDEAL[emotion]), strict=True))
            rows.append(",".join([name, *(known[column] for column in columns.split(","))]))
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("made") / "made")


def evaluated(folder: Path, model: Predict = knowing, **settings: Any) -> Evaluation:
    choice: Any = Choice()
    fold = Fold(Path("stand-in"), choice, ())
    return evaluate([fold], read_corpus(folder), Settings(**settings), lambda _: model)


class Text(HTMLParser):
    """The words of a page, and whether it would load anything."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        outside = [value for key, value in attrs if key in ("src", "href") and value]
        self.loads += [value for value in outside if not value.startswith(("#", "data:"))]
        self.loads += [tag] if tag in ("script", "link", "iframe") else []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_model_that_knows_passes_and_chance_does_not(made: Path) -> None:
    report = evaluated(made).report
    figures = report["figures"]
    assert figures[MODEL]["auc.mean"] == 1.0 and figures[MODEL] == figures[TEACHER]
    assert all(row["passed"] for row in report["consistency"][MODEL])
    assert not all(row["passed"] for row in report["consistency"][RANDOM])
    correctness = [gate for gate in STANDARD if not gate.figure.startswith("robustness.")]
    assert len(correctness) == 3 and judge(correctness, flat_figures(report)) == []
    chance = {**report, "figures": {**figures, MODEL: figures[RANDOM]}}
    assert judge(correctness, flat_figures(chance))


def test_chance_treats_the_sexes_alike_more_often_than_it_is_right(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "made", "abcdefghijklmnopqrst")
    passes = random_passes(evaluated(folder).report)
    equal, right = passes["equal treatment of the sexes"], passes["consistency"]
    assert equal[1] == 6  # means and CCCs, three dimensions each
    assert equal[0] / equal[1] > right[0] / right[1]


def test_the_json_has_its_schema(made: Path) -> None:
    report = evaluated(made).report
    assert report["schema"] == 1
    assert set(report) == {
        *("schema", "clips", "speakers", "to_teacher", "auc_model", "auc_teacher"),
        *("figures", "consistency", "groups"),
    }
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert set(report["figures"]) == {MODEL, TEACHER, RANDOM}
    assert set(report["groups"]) == {"speaker", "sex", "flags"}
    (female, male) = report["groups"]["sex"][MODEL]
    assert (female["group"], male["group"], female["clips"]) == ("female", "male", 5)
    assert [row["group"] for row in report["groups"]["speaker"][MODEL]] == ["made/a", "made/b"]


def test_labels_are_compared_where_they_are(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "made", columns="speaker,emotion,arousal,valence")
    report = evaluated(folder).report
    assert set(report["labels"][MODEL]) == {"arousal", "valence"}
    assert report["labels"][MODEL]["arousal"]["ccc"]["value"] == pytest.approx(1, abs=1e-4)
    assert abs(report["labels"][RANDOM]["arousal"]["ccc"]["value"]) < 0.9
    assert "labels.arousal.ccc" in flat_figures(report)
    assert "labels.dominance.ccc" not in flat_figures(report)
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize("columns", ["speaker", "emotion", "sex"])
def test_a_corpus_of_one_speaker_with_one_column(columns: str, tmp_path: Path) -> None:
    evaluation = evaluated(corpus(tmp_path / "made", "a", columns))
    json.dumps(evaluation.report, allow_nan=False)
    emotions = [clip.fields.get("emotion", "") for clip in evaluation.clips]
    assert "Agreement" in render(evaluation.report, "t", evaluation.predictions, emotions)
    assert "\n".join(lines(evaluation.report)).startswith("5 clips")
    # Clips of unknown speakers are no speakers.
    known = [row["group"] for row in evaluation.report["groups"]["speaker"][MODEL]]
    assert known == (["made/a"] if columns == "speaker" else [])


def test_a_single_class(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "made")
    rows = (folder / "manifest.csv").read_text().splitlines()
    (folder / "manifest.csv").write_text("\n".join([rows[0], *(r for r in rows if "anger" in r)]))
    report = evaluated(folder).report
    assert "auc_model" not in report
    assert {row["emotion"] for row in report["consistency"][MODEL]} == {"anger", "all"}
    with pytest.raises(InputError, match=r"no figure 'auc\.mean'"):
        judge([Gate("auc.mean", least=0.7)], flat_figures(report))


def test_a_label_that_cannot_be_used_costs_no_scoring(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "made", "a", "arousal")
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("0.9", "nine"))

    def asked(_: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("a clip was scored")

    with pytest.raises(InputError, match=r"a_anger\.wav: arousal 'nine' is not a number"):
        evaluated(folder, asked)


def test_a_limit_takes_as_many_of_each_class(made: Path) -> None:
    evaluation = evaluated(made, limit=5)
    assert sorted(clip.fields["emotion"] for clip in evaluation.clips) == sorted(LEVELS)
    again = evaluated(made, limit=5)
    assert [clip.name for clip in again.clips] == [clip.name for clip in evaluation.clips]
    other = [evaluated(made, limit=5, seed=seed).clips for seed in (1, 2, 3)]
    assert any(clips != evaluation.clips for clips in other)


def test_a_limit_counts_only_clips_that_would_be_scored(made: Path) -> None:
    choice: Any = Choice()
    fold = Fold(Path("stand-in"), choice, ("made/b",))
    clips = read_corpus(made)
    for limit in (3, 5, 50):
        scored = evaluate([fold], clips, Settings(limit=limit), lambda _: knowing).clips
        assert len(scored) == min(limit, 5)
        assert {clip.speaker for clip in scored} == {"made/b"}


def test_a_fold_that_a_limit_leaves_without_clips_is_left_out(made: Path) -> None:
    choice: Any = Choice()
    folds = [Fold(Path("m"), choice, (f"made/{name}",)) for name in "ab"]
    one = evaluate(folds, read_corpus(made), Settings(limit=1), lambda _: knowing)
    assert len(one.clips) == 1


def test_each_fold_answers_for_its_speakers_under_perturbation_too(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_ser.evaluation import evaluate as module
    from edge_ser.evaluation.robustness import PERTURBATIONS

    few = [each for each in PERTURBATIONS if each.name in ("gain", "append zeros", "coughing")]
    monkeypatch.setattr(module, "perturbations", lambda _: few)
    choice: Any = Choice()
    folds = [
        Fold(Path("steady"), choice, ("made/a",)),
        Fold(Path("chance"), choice, ("made/b",)),
    ]
    turns = iter([0.0, 1.0] * 100)

    def erratic(_: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full(3, next(turns), np.float32)

    settings = Settings(robustness=Sources())
    models: dict[str, Predict] = {"steady": constant, "chance": erratic}
    report = evaluate(folds, read_corpus(made), settings, lambda path: models[path.name]).report
    rows = {row["name"]: row for row in report["robustness"][MODEL]["rows"]}
    # Speaker a's model never moves. Speaker b's answers come in turn: the clip as it is, then the
    # two perturbations, so one of the two always differs from it.
    unchanged = [rows[name]["figures"]["arousal"]["unchanged"] for name in ("gain", "append zeros")]
    assert sorted(unchanged) == [0.5, 1.0]
    assert "no recordings" in rows["coughing"]["missing"]
    assert report["delta_ccc_to"] == dict.fromkeys(DIMENSIONS, TEACHER)
    assert flat_figures(report)["robustness.small.arousal"] == 0.75
    assert flat_figures(report)["robustness.small.arousal.lowest"] == 0.5
    assert random_passes(report)["robustness, share unchanged"][1] == 6
    words = Text()
    words.feed(render(report, "t", {MODEL: np.full((10, 3), 0.5, np.float32)}, [""] * 10))
    page = " ".join(words.words)
    assert f"not measured: {rows['coughing']['missing']}" in page
    assert "against the teacher's answers to the clips as they are" in page


def test_what_a_change_is_measured_against() -> None:
    teacher = np.full((25, 3), 0.5, np.float32)
    reference, names = reference_for_change(None, teacher)
    assert set(names.values()) == {"teacher"} and (reference == 0.5).all()
    labels = np.full((25, 3), np.nan)
    labels[:20, 0] = np.linspace(0, 1, 20)
    labels[:19, 1] = 0.3  # too few
    reference, names = reference_for_change(labels, teacher)
    assert names == {"arousal": "labels", "dominance": "teacher", "valence": "teacher"}
    np.testing.assert_array_equal(reference[:, 0], labels[:, 0])
    assert (reference[:, 1:] == 0.5).all()


def test_the_page_holds_the_figures_and_loads_nothing(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "made", "abcd", "speaker,sex,emotion,arousal,dominance,valence")
    evaluation = evaluated(folder, constant)
    report = {
        **evaluation.report,
        "measured": {"model": "<b>mine</b>"},
        "gates": {"judged": ["auc.mean"], "failures": ["auc.mean is 0.5, must be at least 0.7"]},
    }
    emotions = [clip.fields["emotion"] for clip in evaluation.clips]
    html = render(report, "A & B", evaluation.predictions, emotions)
    parser = Text()
    parser.feed(html)
    page = " ".join(parser.words)
    assert parser.loads == []
    assert "FAIL" in page and "auc.mean is 0.5, must be at least 0.7" in page
    assert "<b>mine</b>" in page and "<b>mine</b>" not in html  # escaped
    mae = evaluation.report["labels"][MODEL]["arousal"]["mae"]
    assert f"{mae:.3f}" in page
    assert "wav2vec2 (large), EMO-DB" in page and "CNN14, EMO-DB" in page
    assert "What a random model passes" in page
    assert html.count("<svg") == 6  # classes and speakers, three dimensions each
    assert len(html) < 2_000_000


def test_a_page_without_matplotlib_has_tables_only(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_ser.evaluation import page

    monkeypatch.setattr(page, "pictures_can_be_drawn", lambda: False)
    evaluation = evaluated(made)
    emotions = [clip.fields["emotion"] for clip in evaluation.clips]
    html = render(evaluation.report, "t", evaluation.predictions, emotions)
    assert "<svg" not in html and "Consistency" in html


# Gates


@pytest.mark.parametrize(
    ("gate", "value", "failure"),
    [
        (Gate("x", least=0.5), 0.5, None),
        (Gate("x", least=0.5), 0.49, "x is 0.49, must be at least 0.5"),
        (Gate("x", most=0.1), 0.2, "x is 0.2, must be at most 0.1"),
        (Gate("x", least=0.1, most=0.2), 0.15, None),
        (Gate("x", least=0.1), float("nan"), "x could not be measured on these clips"),
    ],
)
def test_gates(gate: Gate, value: float, failure: str | None) -> None:
    assert gate.failure(value) == failure


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", "3", '["x"]', "[{}]",
        '[{"figure": "x"}]', '[{"figure": 1, "least": 1}]',
        '[{"figure": "x", "least": "1"}]', '[{"figure": "x", "least": true}]',
        '[{"figure": "x", "least": 1, "colour": 2}]', '[{"figure": "x", "least": null}]',
    ],
)  # fmt: skip
def test_gates_files_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "gates.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"gates\.json"):
        read_gates(file)


def test_failures_of_correctness_come_first() -> None:
    gates = [Gate(name, least=1) for name in ("robustness.gain.arousal", "b", "a")]
    failures = judge(gates, dict.fromkeys((gate.figure for gate in gates), 0.0))
    assert [line.split()[0] for line in failures] == ["b", "a", "robustness.gain.arousal"]


def test_gates_file(tmp_path: Path) -> None:
    file = tmp_path / "gates.json"
    with pytest.raises(InputError, match="no gates file"):
        read_gates(file)
    file.write_text('[{"figure": "x", "least": 0.5}, {"figure": "y", "least": 0, "most": 1}]')
    assert read_gates(file) == (Gate("x", least=0.5), Gate("y", least=0, most=1))


def test_gates_file_in_toml(tmp_path: Path) -> None:
    file = tmp_path / "gates.toml"
    file.write_text(
        '[[gate]]\nfigure = "auc.mean"\nleast = 0.7\n[[gate]]\nfigure = "y"\nmost = 1\n'
    )
    assert read_gates(file) == (Gate("auc.mean", least=0.7), Gate("y", most=1))
    for text in ("", "gate = 3", "figure = 'x'", "[[gate]]\nfigure = 'x'", "[[gate"):
        file.write_text(text)
        with pytest.raises(InputError, match=r"gates\.toml"):
            read_gates(file)


# The command


@pytest.mark.slow
def test_a_device_answers_the_command(
    made: Path, exported_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_ser.teachers import TeacherChoice

    there = predictor_of(exported_bundle, "c")
    monkeypatch.setattr(TeacherChoice, "load", lambda _: Choice(there))
    command = ["evaluate", str(exported_bundle), "--on", "host", "--audio", str(made)]
    assert main([*command, "--limit", "3", "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["measured"]["device"] == "host" and report["clips"] == 3
    assert all(row["mae"] < 1e-4 for row in report["to_teacher"].values())


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_ser.evaluation import predictors
    from edge_ser.teachers import TeacherChoice

    monkeypatch.setattr(predictors, "predictor_of", lambda path, engine=None: knowing)
    monkeypatch.setattr(TeacherChoice, "load", lambda _: Choice())


@pytest.mark.usefixtures("stand_in")
def test_the_exit_code_is_that_of_the_gates(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gates.json"
    command = ["evaluate", "stand-in.safetensors", "--audio", str(made)]
    results = ["--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    file.write_text('[{"figure": "auc.mean", "least": 0.99}]')
    assert main([*command, *results, "--gate", "--gates", str(file)]) == 0
    assert "4 gates: passed" in capsys.readouterr().out
    file.write_text('[{"figure": "to_teacher.arousal.mae", "least": 0.5}]')
    assert main([*command, *results, "--gates", str(file)]) == 1
    assert "to_teacher.arousal.mae is 0, must be at least 0.5" in capsys.readouterr().out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["gates"]["judged"] == ["to_teacher.arousal.mae"]
    assert report["measured"]["model"] == "stand-in.safetensors"
    assert report["measured"]["teacher"] == "default"
    assert str(tmp_path) not in (tmp_path / "r.json").read_text()
    assert "must be at least 0.5" in (tmp_path / "r.html").read_text()
    file.write_text('[{"figure": "nonsense", "least": 1}]')
    assert main([*command, "--gates", str(file)]) == 2
    assert "no figure 'nonsense'" in capsys.readouterr().err


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        (["m", "--teacher", "/home/me/t.safetensors"], "teacher", "t.safetensors"),
        (["m", "--teacher", "ensemble=/home/me/a,/home/me/b"], "teacher", "ensemble=a,b"),
        (["--fold", "/home/me/m", "/home/me/t", "made/a"], "teacher", "of each fold"),
        (["--fold", "/home/me/m", "/home/me/t", "made/a"], "model", "1 folds: m"),
    ],
)
def test_reports_name_files_without_their_folders(
    options: list[str], key: str, said: str, made: Path, tmp_path: Path
) -> None:
    results = ["--json", str(tmp_path / "r.json"), "--limit", "2"]
    assert main(["evaluate", *options, "--audio", str(made), *results]) == 0
    text = (tmp_path / "r.json").read_text()
    assert json.loads(text)["measured"][key] == said and "/home/me" not in text


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["m", "--noise", "n"], "--noise is for robustness only"),
        (["m", "--coughs", "n"], "--coughs is for robustness only"),
        (["m.onnx", "--on", "cortex-m4"], "a device runs a bundle"),
        (["m.onnx", "--engine", "c"], "--engine chooses the runtime of a bundle"),
        (["m", "--board", "cortex-m4"], "--board belongs to a device"),
        (["m", "--label-range", "1", "1"], "is empty"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: list[str], message: str, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *options, "--audio", str(made)]) == 2
    assert message in capsys.readouterr().err


# Model files


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    for name in ("m.onnx", "m.tflite"):
        with pytest.raises(InputError, match="no model file"):
            predictor_of(tmp_path / name)
        (tmp_path / name).write_bytes(b"not a model" * 20)
        with pytest.raises(InputError, match=r"m\."):
            predictor_of(tmp_path / name)


def test_a_lone_file_answers_as_its_bundle(exported_bundle: Path) -> None:
    from edge_ser.bundle import open_bundle
    from edge_ser.runtime import load_engine

    audio = (0.1 * np.random.default_rng(0).standard_normal(80_000)).astype(np.float32)
    with open_bundle(exported_bundle) as bundle:
        expected = load_engine(bundle, "onnxruntime", "model.int8.onnx").predict(audio)
    alone = predictor_of(exported_bundle / "model.int8.onnx")(audio)
    np.testing.assert_allclose(alone, expected, atol=1e-6)
