"""What is counted from predictions, against shares computed by hand; sources; published figures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.audio.corpus import read_corpus
from edge_ser.drift.measure import DriftClip
from edge_ser.errors import InputError
from edge_ser.evaluation.controls import RandomModel
from edge_ser.evaluation.robustness import PERTURBATIONS, Perturbation, Sources, measure_robustness
from edge_ser.evaluation.robustness.perturbation import BACKGROUND, ROOM, SMALL, Change
from edge_ser.evaluation.robustness.published import published
from edge_ser.evaluation.robustness.sources import event, excerpt

Signal = NDArray[np.float32]

CLIPS = [DriftClip(f"{n}.wav", np.full(160, n / 10, np.float32)) for n in range(1, 6)]
"""Constant clips of .1, .2, .3, .4, .5: the fake model answers their level."""

LABELS = np.array([[0.1, np.nan, 0.2], [0.3, np.nan, np.nan], [0.2, 0.5, np.nan],
                   [0.5, 0.1, np.nan], [0.4, 0.2, np.nan]])  # fmt: skip


def level(audio: Signal) -> Signal:
    """A/D/V = the level, half of it, and always .5."""
    return np.array([audio[0], audio[0] / 2, 0.5], np.float32)


def louder(signal: Signal, _: Generator) -> Signal:
    """.1 -> .12, ..., .5 -> .6: arousal moves by .02, .04, .06, .08, .1."""
    return (signal * 1.2).astype(np.float32)


def row(name: str = "louder", change: Change = louder, **options: object) -> Perturbation:
    return Perturbation(name, BACKGROUND, "a test", change, **options)  # type: ignore[arg-type]


def test_shares_means_and_changes_of_ccc_by_hand() -> None:
    result = measure_robustness({"fake": level}, CLIPS, [row()], LABELS)["fake"]
    arousal, dominance, valence = (result.rows[0].figures[d] for d in
                                   ("arousal", "dominance", "valence"))  # fmt: skip
    assert arousal.unchanged == 2 / 5
    assert arousal.mean_change == pytest.approx(0.06) and arousal.bias == pytest.approx(0.06)
    # truth .1 .3 .2 .5 .4, variance .02, mean .3; covariance with .1 .2 .3 .4 .5 is .016
    before = 2 * 0.016 / (0.02 + 0.02)
    after = 2 * 0.0192 / (0.02 + 0.0288 + 0.06**2)
    assert after - before < -0.05
    assert arousal.delta_ccc == pytest.approx(after - before, abs=1e-6)
    assert not arousal.passed
    assert dominance.unchanged == 4 / 5  # .01 .02 .03 .04, and .05 is not below .05
    # truth .5 .1 .2 against .15 .2 .25, then .18 .24 .3
    assert dominance.delta_ccc == pytest.approx(by_hand([0.18, 0.24, 0.3])
                                                - by_hand([0.15, 0.2, 0.25]), abs=1e-6)  # fmt: skip
    assert (valence.unchanged, valence.delta_ccc, valence.passed) == (1, None, True)
    assert result.labelled == {"arousal": 5, "dominance": 3, "valence": 1}


def by_hand(prediction: list[float]) -> float:
    truth = np.array([0.5, 0.1, 0.2])
    both = np.cov(truth, prediction, bias=True)
    return float(2 * both[0, 1] / (both.trace() + (truth.mean() - np.mean(prediction)) ** 2))


def test_bias_has_a_sign_where_the_mean_change_has_none() -> None:
    softer = row(change=lambda signal, _: (signal * 0.8).astype(np.float32))
    figures = measure_robustness({"m": level}, CLIPS, [softer])["m"].rows[0].figures["arousal"]
    assert (figures.bias, figures.mean_change) == pytest.approx((-0.06, 0.06))


def test_without_labels_no_change_of_ccc_is_claimed() -> None:
    result = measure_robustness({"m": level}, CLIPS, [row()])["m"]
    assert [f.delta_ccc for f in result.rows[0].figures.values()] == [None] * 3
    assert result.labelled == {"arousal": 0, "dominance": 0, "valence": 0}


def test_small_changes_and_rooms_ask_for_no_ccc() -> None:
    rows = [Perturbation("a", SMALL, "", louder), Perturbation("b", ROOM, "", louder)]
    for measured in measure_robustness({"m": level}, CLIPS, rows, LABELS)["m"].rows:
        assert measured.figures["arousal"].delta_ccc is None


def test_exactly_the_threshold_passes() -> None:
    rising = Perturbation("fifth", ROOM, "", louder)  # dominance: 4 of 5 unchanged, .80 needed
    figures = measure_robustness({"m": level}, CLIPS, [rising])["m"].rows[0].figures
    assert figures["dominance"].unchanged == 0.8 and figures["dominance"].passed
    assert not figures["arousal"].passed


def test_a_baseline_is_what_predictions_are_compared_with() -> None:
    same = row(baseline=louder)
    figures = measure_robustness({"m": level}, CLIPS, [same])["m"].rows[0].figures
    assert figures["arousal"].unchanged == 1 and figures["arousal"].mean_change == 0


def test_what_is_missing_is_neither_passed_nor_failed() -> None:
    rows = [row(), row("cough", missing="no coughs")]
    result = measure_robustness({"m": level}, CLIPS, rows)["m"]
    assert result.rows[1].figures == {} and result.rows[1].missing == "no coughs"
    summary = result.groups["background"]["dominance"]
    assert (summary.measured, summary.not_measured, summary.passed) == (1, 1, 0)
    only_missing = measure_robustness({"m": level}, CLIPS, rows[1:])["m"]
    assert only_missing.groups == {}


def test_groups_summarise_their_rows() -> None:
    rows = [row(), row("same", change=lambda signal, _: signal)]
    summary = measure_robustness({"m": level}, CLIPS, rows)["m"].groups["background"]["arousal"]
    assert summary.mean_unchanged == pytest.approx(0.7)
    assert summary.lowest_unchanged == 0.4
    assert (summary.passed, summary.measured) == (1, 2)


def test_clips_are_perturbed_once_and_plain_clips_asked_once() -> None:
    perturbed: Counter[float] = Counter()
    asked: dict[str, Counter[bytes]] = {"a": Counter(), "b": Counter()}

    def counted(signal: Signal, random: Generator) -> Signal:
        perturbed[float(signal[0])] += 1
        return (signal + random.normal()).astype(np.float32)

    def counting(name: str):  # type: ignore[no-untyped-def]
        def predict(audio: Signal) -> Signal:
            asked[name][audio.tobytes()] += 1
            return level(audio)

        return predict

    rows = [row("one", counted), row("two", counted)]
    measure_robustness({name: counting(name) for name in asked}, CLIPS, rows)
    assert set(perturbed.values()) == {2} and len(perturbed) == 5
    assert asked["a"] == asked["b"] and len(asked["a"]) == 15
    assert set(asked["a"].values()) == {1}


def test_the_order_of_clips_changes_nothing() -> None:
    noise = row(change=lambda signal, random: (signal + random.normal(0, 0.05)).astype(np.float32))
    forward = measure_robustness({"m": level}, CLIPS, [noise], LABELS, seed=4)["m"]
    backward = measure_robustness({"m": level}, CLIPS[::-1], [noise], LABELS[::-1], seed=4)["m"]
    other = measure_robustness({"m": level}, CLIPS, [noise], LABELS, seed=5)["m"]
    ours, theirs = (r.rows[0].figures["arousal"] for r in (forward, backward))
    assert ours.unchanged == theirs.unchanged
    assert ours.bias == pytest.approx(theirs.bias)
    assert other.rows[0].figures["arousal"].bias != ours.bias


def test_the_result_is_json() -> None:
    rows = [row(), row("babble", missing="none")]
    result = measure_robustness({"m": level}, CLIPS, rows, LABELS)["m"].as_json()
    read = json.loads(json.dumps(result, allow_nan=False))
    assert read["rows"][0]["figures"]["arousal"]["unchanged"] == 0.4
    assert read["rows"][1]["published"][0]["unchanged"]["arousal"] == [0.94, 0.94]
    assert read["groups"]["background"]["arousal"]["measured"] == 1


@pytest.mark.parametrize("answer", [[0.1, np.nan, 0.2], [0.1, 0.2], [[0.1, 0.2, 0.3]]])
def test_answers_that_are_no_adv_are_refused(answer: list[float]) -> None:
    with pytest.raises(InputError, match=r"1\.wav: the model answers"):
        measure_robustness({"m": lambda _: np.array(answer, np.float32)}, CLIPS, [row()])


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(InputError, match="one model and one clip"):
        measure_robustness({}, CLIPS, [row()])
    with pytest.raises(InputError, match="one model and one clip"):
        measure_robustness({"m": level}, [], [row()])
    with pytest.raises(InputError, match=r"\(2, 3\) do not fit 5 clips"):
        measure_robustness({"m": level}, CLIPS, [row()], LABELS[:2])
    with pytest.raises(InputError, match="not finite"):
        measure_robustness({"m": level}, [DriftClip("x", np.array([np.nan], np.float32))], [row()])


def test_a_random_model_is_robust_to_nothing() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (12, 1_600)).astype(np.float32)
    clips = [DriftClip(f"{n}", audio) for n, audio in enumerate(noise)]
    rows = [each for each in PERTURBATIONS if each.group.delta_ccc]  # numpy and scipy suffice
    result = measure_robustness({"random": RandomModel().predict}, clips, rows)["random"]
    figures = [each for measured in result.rows for each in measured.figures.values()]
    assert np.mean([each.unchanged for each in figures]) < 0.3
    assert not any(each.passed for each in figures)


def test_published_figures_are_those_of_the_public_pages() -> None:
    large, cnn14 = published("white noise 20 dB")
    assert large.unchanged == {
        "arousal": (0.73, 0.6), "dominance": (0.7, 0.43), "valence": (0.46, 0.64),
    }  # fmt: skip
    assert cnn14.delta_ccc["arousal"] == (0.08, -0.17)
    assert len(published("room")[0].unchanged["valence"]) == 3
    assert published("room")[0].delta_ccc == {}
    assert published("no such") == ()


def recording(path: Path, signal: NDArray[np.floating]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, SAMPLE_RATE, subtype="FLOAT")
    return path


def test_the_manifest_tells_coughs_and_sneezes_from_environments(tmp_path: Path) -> None:
    kinds = {"rain": "Rain", "cough": "coughing", "sneeze": "Person sneeze", "pink": "pink_noise"}
    for name in kinds:
        recording(tmp_path / "noise" / f"{name}.wav", np.ones(100))
    lines = [f"{name}.wav,{kind},a sneeze is not in the notes" for name, kind in kinds.items()]
    manifest = "path,category,notes\n" + "\n".join(lines)
    (tmp_path / "noise" / "manifest.csv").write_text(manifest)
    recording(tmp_path / "more" / "cough2.wav", np.ones(100))
    sources = Sources.from_folders(noise=tmp_path / "noise", coughs=tmp_path / "more")
    assert [path.name for path in sources.environment] == ["rain.wav"]
    assert [path.name for path in sources.coughs] == ["cough2.wav", "cough.wav"]
    assert [path.name for path in sources.sneezes] == ["sneeze.wav"]
    assert sources.speech == sources.music == ()


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no audio"):
        Sources.from_folders(babble=tmp_path)
    with pytest.raises(InputError, match="no audio folder"):
        Sources.from_folders(noise=tmp_path / "nowhere")


def test_babble_is_of_nobody_who_is_evaluated(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    for name in ("anna1", "anna2", "bert1", "unknown"):
        recording(corpus / f"{name}.wav", np.ones(100))
    (corpus / "manifest.csv").write_text(
        "path,speaker\nanna1.wav,anna\nanna2.wav,anna\nbert1.wav,bert\nunknown.wav,\n"
    )
    clips = {clip.path.stem: clip for clip in read_corpus(corpus)}

    def talkers(*evaluated: str) -> list[str]:
        chosen = [clips[name] for name in evaluated]
        return [path.stem for path in Sources.from_folders(corpus, evaluated=chosen).speech]

    assert talkers() == ["anna1", "anna2", "bert1", "unknown"]
    assert talkers("anna1") == ["bert1", "unknown"]
    assert talkers("unknown") == ["anna1", "anna2", "bert1"]
    with pytest.raises(InputError, match="nobody but the people who are evaluated"):
        talkers(*clips)


def test_a_corpus_is_no_babble_for_itself_under_another_path(tmp_path: Path) -> None:
    recording(tmp_path / "corpus" / "one.wav", np.ones(100))
    (tmp_path / "link").symlink_to(tmp_path / "corpus")
    with pytest.raises(InputError, match="nobody but"):
        Sources.from_folders(tmp_path / "link", evaluated=read_corpus(tmp_path / "corpus"))


def test_excerpts_begin_at_any_loud_sample_and_repeat(tmp_path: Path) -> None:
    ramp = np.concatenate([np.zeros(30), np.arange(1, 11) / 16, np.zeros(30)])
    file = recording(tmp_path / "ramp.wav", ramp)
    begins = set()
    for seed in range(60):
        heard = excerpt([file], 25, np.random.default_rng(seed)) * 16
        begins.add(round(float(heard[0])))
        np.testing.assert_allclose(np.diff(heard) % 10, 1, atol=1e-5)
    assert begins == set(range(1, 11))


def test_excerpts_are_never_silent(tmp_path: Path) -> None:
    barks = np.zeros(9_000)
    barks[[10, 8_000]] = 0.5
    file = recording(tmp_path / "barks.wav", barks)
    assert all(excerpt([file], 100, np.random.default_rng(seed)).any() for seed in range(30))


def test_a_silent_recording_is_refused(tmp_path: Path) -> None:
    file = recording(tmp_path / "silence.wav", np.zeros(100))
    with pytest.raises(InputError, match=r"silence\.wav is silent"):
        excerpt([file], 10, np.random.default_rng(0))


def test_events_lose_the_silence_around_them(tmp_path: Path) -> None:
    sound = np.concatenate([np.full(50, 1e-3), [0.5, 0.0, -0.4], np.full(70, 1e-3)])
    file = recording(tmp_path / "sneeze.wav", sound)
    np.testing.assert_allclose(event([file], np.random.default_rng(0)), [0.5, 0, -0.4], atol=1e-6)


def test_the_suite_loads_without_torch_and_without_the_augmentation_libraries() -> None:
    program = (
        "import sys, edge_ser.evaluation.robustness\n"
        "print([m for m in ('torch', 'auglib', 'pyroomacoustics') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_shipped_student_on_real_speech(shared_data: Path) -> None:
    pytest.importorskip("auglib")
    pytest.importorskip("pyroomacoustics")
    from edge_ser.audio.files import read_audio
    from edge_ser.evaluation.predictors import predictor_of
    from edge_ser.evaluation.robustness import perturbations
    from edge_ser.models import shipped

    clips = [DriftClip(clip.name, read_audio(clip.path))
             for clip in read_corpus(shared_data / "emodb")[::45]]  # fmt: skip
    sources = Sources.from_folders(babble=shared_data / "speech", noise=shared_data / "noise")
    predict = predictor_of(shipped("wav2small.safetensors"))
    result = measure_robustness({"student": predict}, clips, perturbations(sources))["student"]
    assert [row.name for row in result.rows if row.missing] == ["coughing"]
    small = result.groups["small"]
    assert min(each.mean_unchanged for each in small.values()) > 0.9
    gain = next(row for row in result.rows if row.name == "gain")
    assert all(figures.mean_change < 1e-3 for figures in gain.figures.values())
