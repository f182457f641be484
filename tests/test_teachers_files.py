"""Files of published teachers: what is read, what is refused and with which advice; the hub."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pytest
import torch
from conftest import synthetic_speech
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from teacher_checkpoints import edit_config, wav2vec2_folder, wavlm_folder, weights_of

from edge_ser.errors import InputError
from edge_ser.teachers import load_teacher
from edge_ser.teachers.hub import download, import_transformers
from edge_ser.teachers.licence import combined, is_non_commercial, spdx
from edge_ser.teachers.loading import members_of, public_name
from edge_ser.teachers.published import PUBLISHED, WAV2VEC2_MSP_DIM, WAVLM_ODYSSEY


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An intact folder of each teacher."""
    root = tmp_path_factory.mktemp("originals")
    return {
        "wav2vec2": wav2vec2_folder(root / "wav2vec2"),
        "wavlm": wavlm_folder(root / "wavlm"),
    }


@pytest.fixture
def wav2vec2(originals: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to damage, in a folder whose name needs quotes."""
    return Path(shutil.copytree(originals["wav2vec2"], tmp_path / "my wav2vec2"))


@pytest.fixture
def wavlm(originals: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(originals["wavlm"], tmp_path / "wavlm"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every attempt to connect fails, and is written down."""
    attempts: list[Any] = []

    def refuse(*arguments: Any) -> None:
        attempts.append(arguments)
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield attempts


def test_folders_need_no_network(
    wav2vec2: Path, wavlm: Path, no_network: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    teacher = load_teacher(f"ensemble={wav2vec2},{wavlm}")
    assert np.isfinite(teacher.predict(synthetic_speech(1.0))).all()
    assert not no_network


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (lambda f: (f / "config.json").unlink(), "it has no config.json", "hf download audeering/"),
        (lambda f: (f / "config.json").write_text("{"), "not readable JSON", ""),
        (lambda f: (f / "config.json").write_text("[]"), "not hold a JSON object", ""),
        (lambda f: edit_config(f, model_type="hubert"), "type 'hubert'", "'wav2vec2' (audeering"),
        (lambda f: weights_of(f).unlink(), "lacks model.safetensors", "CC-BY-NC-SA-4.0"),
        (lambda f: weights_of(f).write_bytes(b"\x10"), "not a readable safetensors", "again"),
        (lambda f: (f / "preprocessor_config.json").unlink(), "no preprocessor_config", "hf down"),
        (lambda f: edit_config(f, id2label={"0": "valence"}), r"outputs \['valence'\]", "arousal"),
        (lambda f: edit_config(f, id2label=None), "outputs None", "arousal, dominance, valence"),
        (lambda f: edit_config(f, hidden_size=48), r"is \(24,\), not \(48,\)", "same repository"),
        (lambda f: edit_config(f, num_hidden_layers=3), "lacks wav2vec2.encoder.layers.2", "same"),
        (lambda f: edit_config(f, num_hidden_layers=1), "layers.1.*too many", "same repository"),
        (lambda f: edit_config(f, hidden_size="wide"), "a network cannot be made", ""),
        (lambda f: edit_config(f, conv_kernel=[10]), "a network cannot be made", ""),
        (lambda f: edit_config(f, num_attention_heads=5), "a network cannot be made", ""),
        (lambda f: edit_config(f, feat_extract_norm="batch"), "a network cannot be made", ""),
        (lambda f: edit_config(f, add_adapter=True), "add_adapter", "supported: false"),
        (
            lambda f: edit_config(f, "preprocessor_config.json", sampling_rate=8_000),
            "audio at 8000 Hz",
            "",
        ),
        (
            lambda f: edit_config(f, "preprocessor_config.json", feature_extractor_type="Whisper"),
            "processor 'Whisper'",
            "Wav2Vec2FeatureExtractor",
        ),
    ],
)
def test_unusable_wav2vec2_folders_are_refused(
    change: Callable[[Path], object], message: str, hint: str, wav2vec2: Path
) -> None:
    change(wav2vec2)
    with pytest.raises(InputError, match=message) as caught:
        load_teacher(str(wav2vec2))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (lambda f: weights_of(f).unlink(), "lacks model.safetensors", "MIT"),
        (lambda f: edit_config(f, num_classes=8), "8 outputs", ""),
        (lambda f: edit_config(f, mean=None), "no number 'mean'", ""),
        (lambda f: edit_config(f, std="loud"), "no number 'std'", ""),
        (lambda f: edit_config(f, std=True), "no number 'std'", ""),
        (lambda f: edit_config(f, std=-1.0), "'std' of -1.0", ""),
        (lambda f: edit_config(f, sampling_rate=8_000), "audio at 8000 Hz", ""),
        (lambda f: edit_config(f, classifier_hidden_layers=2), "lacks ser_model.fc.1.0", "same"),
        (lambda f: edit_config(f, classifier_hidden_layers="x"), "a network cannot be made", ""),
        (lambda f: edit_config(f, ssl_type="microsoft/wavlm-base"), "not known", "wavlm-large"),
        (lambda f: edit_config(f, ssl_type="../wavlm/tiny-wavlm"), "not known", "inside"),
        (lambda f: edit_config(f, ssl_type="/etc"), "not known", "inside"),
        (lambda f: edit_config(f, ssl_type="microsoft/wavlm-large"), "not fit", "same repository"),
        (
            lambda f: edit_config(f / "tiny-wavlm", model_type="hubert"),
            "type 'hubert', not 'wavlm'",
            "",
        ),
    ],
)
def test_unusable_wavlm_folders_are_refused(
    change: Callable[[Path], object], message: str, hint: str, wavlm: Path
) -> None:
    change(wavlm)
    with pytest.raises(InputError, match=message) as caught:
        load_teacher(str(wavlm))
    assert hint in caught.value.hint


class Trap:
    """Unpickling it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickled_weights_are_not_opened_and_the_advice_works(
    wav2vec2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load_teacher(str(wav2vec2)).predict(synthetic_speech(1.0))
    tensors = {k: torch.from_numpy(v) for k, v in load_file(weights_of(wav2vec2)).items()}
    weights_of(wav2vec2).unlink()
    trapped = wav2vec2 / "trapped"
    torch.save({**tensors, "trap": Trap(trapped)}, wav2vec2 / "pytorch_model.bin")
    with pytest.raises(InputError, match="pickle only") as caught:
        load_teacher(str(wav2vec2))
    python, _, code, folder = shlex.split(caught.value.hint.partition("once: ")[2])
    assert (python, folder) == ("python", str(wav2vec2))
    monkeypatch.setattr(sys, "argv", ["-c", folder])
    with pytest.raises(UnpicklingError, match="Weights only load failed"):
        exec(code, {})
    assert not trapped.exists()
    torch.save(tensors, wav2vec2 / "pytorch_model.bin")
    exec(code, {})
    assert np.array_equal(load_teacher(str(wav2vec2)).predict(synthetic_speech(1.0)), expected)


def test_the_repositorys_code_is_never_run(wavlm: Path) -> None:
    (wavlm / "pipeline_utils.py").write_text("raise SystemExit('remote code ran')\n")
    load_teacher(str(wavlm))


def test_sharded_weights_are_read_and_told_from_others(wav2vec2: Path) -> None:
    whole = load_teacher(str(wav2vec2))
    tensors = load_file(weights_of(wav2vec2))
    names = sorted(tensors)
    shards = {f"model-0000{n}-of-00002.safetensors": names[n - 1 :: 2] for n in (1, 2)}
    for file, members in shards.items():
        save_file({name: tensors[name] for name in members}, wav2vec2 / file)
    weights_of(wav2vec2).unlink()
    index = wav2vec2 / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {n: f for f, ns in shards.items() for n in ns}}))
    sharded = load_teacher(str(wav2vec2))
    audio = synthetic_speech(1.0)
    assert np.array_equal(sharded.predict(audio), whole.predict(audio))
    assert len(sharded.weights_sha256) == 64 and sharded.weights_sha256 != whole.weights_sha256
    last = wav2vec2 / "model-00002-of-00002.safetensors"
    changed = load_file(last)
    changed[names[1]] = changed[names[1]] + 1
    save_file(changed, last)
    assert load_teacher(str(wav2vec2)).weights_sha256 != sharded.weights_sha256
    last.unlink()
    with pytest.raises(InputError, match="lacks model-00002-of-00002"):
        load_teacher(str(wav2vec2))
    for elsewhere in ("../model.safetensors", "/etc/passwd", "pytorch_model.bin"):
        index.write_text(json.dumps({"weight_map": {"a": elsewhere}}))
        with pytest.raises(InputError, match="no safetensors file beside it"):
            load_teacher(str(wav2vec2))
    index.write_text(json.dumps({"weight_map": []}))
    with pytest.raises(InputError, match="no 'weight_map'"):
        load_teacher(str(wav2vec2))


def test_half_precision_files_and_present_names_are_read(wav2vec2: Path) -> None:
    audio = synthetic_speech(1.0)
    expected = load_teacher(str(wav2vec2)).predict(audio)
    tensors = load_file(weights_of(wav2vec2))
    half = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): value.astype(np.float16)
        for name, value in tensors.items()
        if not name.endswith("masked_spec_embed")
    }
    save_file(half, weights_of(wav2vec2))
    assert np.abs(load_teacher(str(wav2vec2)).predict(audio) - expected).max() < 5e-3


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_are_refused_or_read_but_nothing_else(
    data: st.DataObject, originals: dict[str, Path], tmp_path: Path
) -> None:
    which = data.draw(st.sampled_from(sorted(originals)))
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(originals[which], folder)
    names = ["config.json", "model.safetensors", "README.md"]
    target = folder / data.draw(st.sampled_from(names))
    content = bytearray(target.read_bytes())
    cut = data.draw(st.integers(0, len(content)))
    noise = data.draw(st.binary(max_size=20))
    target.write_bytes(bytes(content[:cut]) + noise + bytes(content[cut + len(noise) :]))
    try:
        answer = load_teacher(str(folder)).predict(synthetic_speech(0.1))
    except InputError as error:
        assert str(error)
    else:
        assert answer.shape == (3,)


def test_the_model_card_states_the_licence(wavlm: Path) -> None:
    card = wavlm / "README.md"
    assert load_teacher(str(wavlm)).licence == "MIT"
    card.write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    assert load_teacher(str(wavlm)).licence == "CC-BY-NC-4.0"
    card.write_text("---\nlicense: other\nlicense_name: my-non-commercial\n---\n")
    assert load_teacher(str(wavlm)).licence == "my-non-commercial"
    card.write_text("---\nlicense: [mit, cc-by-4.0]\n---\n")
    assert load_teacher(str(wavlm)).licence == "MIT AND CC-BY-4.0"
    card.write_text("no header\n")
    assert load_teacher(str(wavlm)).licence == WAVLM_ODYSSEY.licence
    card.write_text("---\nlicense: [a\n---\n")
    with pytest.raises(InputError, match=r"header of .*README\.md"):
        load_teacher(str(wavlm))
    card.unlink()
    assert load_teacher(str(wavlm)).licence == WAVLM_ODYSSEY.licence


def test_what_forbids_commerce_is_recognised() -> None:
    for licence in (
        "CC-BY-NC-SA-4.0", "MIT AND CC-BY-NC-4.0", "cc-by-nc-nd-3.0", "CC BY-NC-SA 4.0",
        "Non-Commercial", "non commercial use", "research only", "for research purposes only",
    ):  # fmt: skip
        assert is_non_commercial(licence), licence
    for licence in ("MIT", "Apache-2.0", "CC-BY-4.0", "CC0-1.0", "NCSA-like", "not stated", ""):
        assert not is_non_commercial(licence), licence
    assert combined(["MIT", "MIT"]) == "MIT"
    assert (spdx(" MIT "), spdx("mit"), spdx("my own")) == ("MIT", "MIT", "my own")


def test_names_stand_for_teachers_and_cards_hide_paths() -> None:
    assert members_of("ensemble") == [teacher.name for teacher in PUBLISHED]
    assert public_name("ensemble=/home/me/w2v/,/srv/wavlm") == "ensemble=w2v,wavlm"
    assert public_name("/home/me/w2v") == "w2v"
    assert public_name("default") == "default"
    assert public_name("ensemble") == "ensemble"


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("no-such-teacher", None, "no teacher called 'no-such-teacher'"),
        ("some/where/deep", None, "no teacher called"),
        ("nobody/nothing", None, "nor a repository with a pinned commit"),
        ("wav2vec2-msp-dim", "main", "'main' pins nothing"),
        ("wav2vec2-msp-dim", "6eba34a", "'6eba34a' pins nothing"),
        ("a--b/c", "a" * 40, "neither in the cache nor"),
        ("ensemble", "a" * 40, "cannot be of both"),
        ("default", "a" * 40, "default is a file"),
        ("ensemble=,", None, "no teacher called ''"),
    ],
)
def test_names_that_mean_nothing_are_refused(
    name: str, revision: str | None, message: str, no_network: list[Any]
) -> None:
    with pytest.raises(InputError, match=message):
        load_teacher(name, revision)
    assert not no_network


def test_a_folder_has_no_revision(wavlm: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        load_teacher(str(wavlm), "a" * 40)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache with nothing in it."""
    import_transformers()
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("teacher", PUBLISHED, ids=lambda teacher: teacher.name)
@pytest.mark.parametrize("offline", [True, False])
def test_without_network_the_error_says_how_to_get_the_files(
    teacher: Any,
    offline: bool,
    empty_cache: Path,
    no_network: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between its five attempts
    with pytest.raises(InputError, match="neither in the cache") as caught:
        load_teacher(teacher.name)
    assert f"hf download {teacher.repository} --revision {teacher.revision}" in caught.value.hint
    assert teacher.licence in caught.value.hint
    assert bool(no_network) != offline  # offline means that nothing was tried


def test_the_cache_is_used_offline_at_the_pinned_commit(
    originals: dict[str, Path],
    empty_cache: Path,
    no_network: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for published, original in zip(PUBLISHED, originals.values(), strict=True):
        repository = f"models--{published.repository.replace('/', '--')}"
        snapshot = empty_cache / repository / "snapshots" / published.revision
        shutil.copytree(original, snapshot)
        assert download(published.repository, None) == snapshot
    teacher = load_teacher("ensemble")
    folders = ",".join(str(folder) for folder in originals.values())
    assert teacher.weights_sha256 == load_teacher(f"ensemble={folders}").weights_sha256
    other = "f" * 40
    with pytest.raises(InputError, match=f"at commit {other}"):
        load_teacher(WAV2VEC2_MSP_DIM.repository, other)
    assert load_teacher(WAV2VEC2_MSP_DIM.repository).id == WAV2VEC2_MSP_DIM.name
    assert not no_network


def test_no_usage_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "0")
    import_transformers()
    import os

    from huggingface_hub import constants

    assert constants.HF_HUB_DISABLE_TELEMETRY is True
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_the_large_architectures_are_the_published_ones() -> None:
    """Names, shapes and number of the tensors, against figures that were published.

    The safetensors file of the wav2vec2 teacher has 661,375,508 bytes (the hub's listing): its
    header spells every name and shape, so equal sizes leave little room for another architecture.
    WavLM-large has 315.45 M parameters (arXiv 2110.13900, table 1: 316 M).
    """
    import_transformers()
    from transformers import Wav2Vec2Config, WavLMConfig

    from edge_ser.teachers.architectures import _WAVLM_LARGE
    from edge_ser.teachers.wav2vec2_network import Wav2Vec2Network
    from edge_ser.teachers.wavlm_network import WavLMNetwork

    twelve_layers = _WAVLM_LARGE | {"num_hidden_layers": 12, "conv_bias": True}
    with torch.device("meta"):
        wavlm = WavLMNetwork(WavLMConfig.from_dict(_WAVLM_LARGE), 1, 0.0, 1.0)
        wav2vec2 = Wav2Vec2Network(
            Wav2Vec2Config.from_dict(twelve_layers),
            None,  # type: ignore[arg-type]
        )
    assert _safetensors_bytes(wav2vec2.state_dict()) == 661_375_508
    count = sum(tensor.numel() for tensor in wavlm.ssl_model.parameters())
    assert count == pytest.approx(315.45e6, rel=1e-4)


def _safetensors_bytes(tensors: dict[str, torch.Tensor]) -> int:
    """Size of a float32 file of these tensors, as transformers wrote one in 2022."""
    old_names = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in tensors.items()
    }
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in sorted(old_names.items()):
        start, end = end, end + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"))
    return 8 + -(-len(text) // 8) * 8 + end  # length, header padded to 8 bytes, data
