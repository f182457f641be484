"""Published teachers on tiny checkpoints: the forward pass, padding, windows, precision."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from teacher_checkpoints import VARIANTS, wav2vec2_folder, wavlm_folder, weights_of
from teacher_forward import emotion_of

from edge_ser import SAMPLE_RATE
from edge_ser.checkpoint import sha256_of
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.teachers import TeacherChoice, load_teacher, predict_many
from edge_ser.teachers.windows import OVERLAP, WINDOW, window_starts, window_weights, windows_of

MAKERS = {"wav2vec2-msp-dim": wav2vec2_folder, "wavlm-odyssey": wavlm_folder}
SECONDS = (1.0, 0.31, 2.4, 0.025, 5.0, 1.0)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small are slower on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """One checkpoint per teacher and variant of its norms."""
    root = tmp_path_factory.mktemp("teachers")
    return {
        (name, variant): MAKERS[name](root / f"{name}-{variant}", variant)
        for name, variant in itertools.product(MAKERS, VARIANTS)
    }


@pytest.fixture(scope="module")
def clips() -> list[NDArray[np.float32]]:
    """Clips of unequal lengths, the shortest one frame long."""
    return [synthetic_speech(seconds, seed) for seed, seconds in enumerate(SECONDS)]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", MAKERS)
def test_the_forward_pass_is_the_described_one(
    name: str,
    variant: str,
    folders: dict[tuple[str, str], Path],
    clips: list[NDArray[np.float32]],
    figure: Callable[[str, object], None],
) -> None:
    folder = folders[name, variant]
    teacher = load_teacher(str(folder), device="cpu")
    expected = np.array([emotion_of(folder, clip) for clip in clips])
    single = np.array([teacher.predict(clip) for clip in clips])
    assert expected.std(0).min() > 0.01  # the clips are told apart, so agreement means something
    assert np.abs(single - expected).max() < 1e-4
    figure("largest difference * 1e6", 1e6 * float(np.abs(single - expected).max()))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", MAKERS)
def test_padded_batches_answer_as_single_clips_do(
    name: str,
    variant: str,
    folders: dict[tuple[str, str], Path],
    clips: list[NDArray[np.float32]],
    figure: Callable[[str, object], None],
) -> None:
    teacher = load_teacher(str(folders[name, variant]), device="cpu")
    single = np.array([teacher.predict(clip) for clip in clips])
    together = predict_many(teacher, clips)
    assert np.abs(together - single).max() < 1e-4
    same = np.stack([clip[:4_000] for clip in (clips[0], clips[2], clips[4])])
    one_by_one = np.array([teacher.predict(row) for row in same])
    assert np.abs(teacher.predict_batch(same) - one_by_one).max() < 1e-4
    figure("largest difference * 1e6", 1e6 * float(np.abs(together - single).max()))


@pytest.mark.parametrize("name", MAKERS)
def test_what_lies_in_the_padding_has_no_say(
    name: str, folders: dict[tuple[str, str], Path], clips: list[NDArray[np.float32]]
) -> None:
    """Without the mask the answers move: the masks are at work, not a lucky padding."""
    from edge_ser.teachers.emotion_network import padded

    network = load_teacher(str(folders[name, "as-published"]), device="cpu").network  # type: ignore[attr-defined]
    signals, lengths = padded([network.normalised(clip) for clip in clips])
    behind = torch.arange(signals.shape[1]) >= lengths[:, None]
    loud = torch.where(behind, torch.randn(signals.shape), signals)
    with torch.inference_mode():
        quiet_answer, loud_answer = network(signals, lengths), network(loud, lengths)
        unmasked = network(loud, torch.full_like(lengths, signals.shape[1]))
    assert (quiet_answer - loud_answer).abs().max() < 1e-5
    assert (quiet_answer - unmasked).abs().max() > 1e-2


@pytest.mark.parametrize("name", MAKERS)
def test_long_audio_is_the_weighted_mean_of_its_windows(
    name: str, folders: dict[tuple[str, str], Path]
) -> None:
    teacher = load_teacher(str(folders[name, "as-published"]), device="cpu")
    audio = synthetic_speech(27.3)
    windows = windows_of(audio)
    assert [len(window) for window in windows] == [WINDOW] * 3
    answers = np.array([teacher.predict(window) for window in windows])
    expected = window_weights(len(audio)) @ answers
    assert np.abs(teacher.predict(audio) - expected).max() < 1e-4
    mixed = predict_many(teacher, [synthetic_speech(1.0), audio, synthetic_speech(2.0, 3)])
    assert np.abs(mixed[1] - expected).max() < 1e-4


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 100 * SAMPLE_RATE))
def test_windows_cover_everything_evenly_and_count_each_sample_once(samples: int) -> None:
    starts = window_starts(samples)
    length = min(samples, WINDOW)
    assert starts[0] == 0 and starts[-1] + length == samples
    steps = np.diff(starts)
    assert (steps <= WINDOW - OVERLAP).all()
    assert np.ptp(steps) <= 1 if len(steps) else True
    coverage = np.zeros(-(-samples // 1_000) + 1)
    weights = window_weights(samples)
    assert weights.shape == starts.shape and (weights > 0).all()
    assert weights.sum() == pytest.approx(1)
    for start in starts:
        coverage[start // 1_000 : (start + length) // 1_000] += 1
    assert coverage[: samples // 1_000].min(initial=1) >= 1


def test_two_windows_share_the_overlap_equally() -> None:
    samples = 2 * WINDOW - OVERLAP
    assert window_starts(samples).tolist() == [0, WINDOW - OVERLAP]
    assert window_weights(samples).tolist() == pytest.approx([0.5, 0.5])
    assert window_weights(WINDOW).tolist() == [1.0]


@pytest.mark.parametrize("name", MAKERS)
def test_bfloat16_stays_near_and_is_named(
    name: str,
    folders: dict[tuple[str, str], Path],
    clips: list[NDArray[np.float32]],
    figure: Callable[[str, object], None],
) -> None:
    folder = str(folders[name, "as-published"])
    exact, rough = (
        TeacherChoice(folder, device="cpu", precision=precision).load()
        for precision in ("float32", "bfloat16")
    )
    gap = np.abs(predict_many(rough, clips) - predict_many(exact, clips)).max()
    assert 1e-6 < gap < 0.05
    figure("largest difference", float(gap))
    assert rough.id == f"{name} in bfloat16"
    assert rough.weights_sha256 != exact.weights_sha256  # a store never mixes the two
    assert len(rough.weights_sha256) == 64


@pytest.mark.parametrize("name", MAKERS)
def test_the_fingerprint_is_that_of_the_weights_file(
    name: str, folders: dict[tuple[str, str], Path]
) -> None:
    folder = folders[name, "as-published"]
    assert load_teacher(str(folder)).weights_sha256 == sha256_of(weights_of(folder))


def test_the_ensemble_is_the_mean_of_the_two(
    folders: dict[tuple[str, str], Path], clips: list[NDArray[np.float32]]
) -> None:
    paths = [folders[name, "as-published"] for name in MAKERS]
    members = [load_teacher(str(path), device="cpu") for path in paths]
    ensemble = load_teacher(f"ensemble={paths[0]},{paths[1]}", device="cpu")
    expected = np.mean([predict_many(member, clips) for member in members], axis=0)
    assert np.abs(predict_many(ensemble, clips) - expected).max() < 1e-6
    assert np.abs(ensemble.predict(clips[2]) - expected[2]).max() < 1e-4
    assert (ensemble.id, ensemble.licence) == ("ensemble", "CC-BY-NC-SA-4.0 AND MIT")
    swapped = load_teacher(f"ensemble={paths[1]},{paths[0]}", device="cpu")
    assert swapped.weights_sha256 == ensemble.weights_sha256
    assert ensemble.weights_sha256 not in {member.weights_sha256 for member in members}


def test_outputs_are_not_clipped(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = wav2vec2_folder(tmp_path / "bright")
    tensors = load_file(weights_of(folder))
    tensors["classifier.out_proj.bias"] = np.array([5, -5, 7], np.float32)
    save_file(tensors, weights_of(folder))
    answer = load_teacher(str(folder)).predict(synthetic_speech(1.0))
    assert answer[0] > 1 and answer[2] > 1 and answer[1] < 0


def test_an_ensemble_is_one_of_each(folders: dict[tuple[str, str], Path]) -> None:
    first = folders["wavlm-odyssey", "as-published"]
    second = folders["wavlm-odyssey", "group-norm"]
    with pytest.raises(InputError, match="wavlm-odyssey and wavlm-odyssey") as caught:
        load_teacher(f"ensemble={first},{second}")
    assert caught.value.hint == "supported: one wav2vec2-msp-dim and one wavlm-odyssey"
    with pytest.raises(InputError, match="no ensemble is made of wavlm-odyssey"):
        load_teacher(f"ensemble={first}")


@pytest.mark.parametrize("name", MAKERS)
def test_unusable_audio_is_refused(name: str, folders: dict[tuple[str, str], Path]) -> None:
    teacher = load_teacher(str(folders[name, "as-published"]))
    assert np.isfinite(teacher.predict(np.zeros(400, np.float32))).all()
    with pytest.raises(InputError, match=r"0\.025 s or more, not an array of \(399,\)"):
        teacher.predict(np.zeros(399, np.float32))
    with pytest.raises(InputError, match="mono"):
        teacher.predict(np.zeros((2, 16_000), np.float32))
    with pytest.raises(InputError, match="not finite"):
        predict_many(teacher, [np.full(16_000, np.nan, np.float32)])
    assert predict_many(teacher, []).shape == (0, 3)


def test_the_shipped_teacher_answers_ragged_clips_too() -> None:
    teacher = load_teacher()
    clips = [synthetic_speech(seconds, 1) for seconds in (1.0, 0.5, 2.0)]
    expected = np.array([teacher.predict(clip) for clip in clips])
    assert np.array_equal(predict_many(teacher, clips), expected)
    assert predict_many(teacher, []).shape == (0, 3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_named(folders: dict[tuple[str, str], Path]) -> None:
    with pytest.raises(EnvironmentMissing, match="no CUDA GPU") as caught:
        load_teacher(str(folders["wavlm-odyssey", "as-published"]), device="cuda")
    assert "--device cpu" in caught.value.hint


def test_device_and_precision_are_checked(folders: dict[tuple[str, str], Path]) -> None:
    folder = str(folders["wavlm-odyssey", "as-published"])
    with pytest.raises(InputError, match="no device 'tpu'"):
        load_teacher(folder, device="tpu")
    with pytest.raises(InputError, match="no precision 'int4'"):
        load_teacher(folder, precision="int4")
