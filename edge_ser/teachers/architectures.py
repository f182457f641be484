"""From a teacher's folder to its network: configs are checked, no code of the repository runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, WavLMConfig

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.errors import InputError
from edge_ser.teachers.checkpoint_folder import CheckpointFolder, read_json
from edge_ser.teachers.emotion_network import EmotionNetwork, fill
from edge_ser.teachers.published import WAV2VEC2_MSP_DIM
from edge_ser.teachers.wav2vec2_network import Wav2Vec2Network
from edge_ser.teachers.wavlm_network import WavLMNetwork

_WAVLM_LARGE = {
    "conv_bias": False,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
}
"""config.json of microsoft/wavlm-large where it differs from `WavLMConfig`'s defaults.

The Odyssey repository names it (`ssl_type`) but does not hold it.
"""

_MALFORMED = (TypeError, ValueError, KeyError, AttributeError, StrictDataclassError)
"""What transformers raises at values that a config cannot have."""


def build_network(folder: CheckpointFolder) -> EmotionNetwork:
    """The network of a folder with its weights, in evaluation mode, float32, on the CPU.

    Raises:
        InputError: a config or the weights cannot be used.
    """
    build = _wav2vec2 if folder.published is WAV2VEC2_MSP_DIM else _wavlm
    try:
        with torch.device("meta"):
            network = build(folder)
    except _MALFORMED as error:
        raise InputError(
            f"a network cannot be made of {folder.path / 'config.json'}: {error}"
        ) from error
    _check_encoder(folder.path, network)
    fill(network, folder.tensors(), folder.path)
    return network.eval().requires_grad_(False)


def _wav2vec2(folder: CheckpointFolder) -> Wav2Vec2Network:
    _check_dimensions(folder)
    path = folder.path / "preprocessor_config.json"
    settings = read_json(path)
    _check_rate(path, settings)
    kind = settings.get("feature_extractor_type")
    if kind != Wav2Vec2FeatureExtractor.__name__:
        raise InputError(
            f"{path} is of a processor {kind!r}",
            f"supported: {Wav2Vec2FeatureExtractor.__name__}",
        )
    processor = Wav2Vec2FeatureExtractor(**settings)
    return Wav2Vec2Network(Wav2Vec2Config.from_dict(folder.config), processor)


def _wavlm(folder: CheckpointFolder) -> WavLMNetwork:
    config, path = folder.config, folder.path / "config.json"
    _check_rate(path, config)
    if config.get("num_classes") != len(DIMENSIONS):
        raise InputError(
            f"{path} is of a model with {config.get('num_classes')} outputs, "
            f"not the {len(DIMENSIONS)} of {', '.join(DIMENSIONS)}"
        )
    mean, std = (_number(path, config, name) for name in ("mean", "std"))
    if std <= 0:
        raise InputError(f"{path} has a standard deviation 'std' of {std}")
    layers = int(config.get("classifier_hidden_layers", 1))
    return WavLMNetwork(_wavlm_config(folder), layers, mean, std)


def _wavlm_config(folder: CheckpointFolder) -> WavLMConfig:
    """Of the transformer that `ssl_type` names: the one built in, or a folder in this folder."""
    name = str(folder.config.get("ssl_type"))
    if name == "microsoft/wavlm-large":
        return WavLMConfig.from_dict(_WAVLM_LARGE)
    inside = PurePosixPath(name)
    path = folder.path / inside / "config.json"
    if inside.is_absolute() or ".." in inside.parts or not path.is_file():
        raise InputError(
            f"{folder.path / 'config.json'} names the transformer {name!r}, which is not known",
            f"supported: microsoft/wavlm-large, or a folder inside {folder.path} with a "
            "config.json of model type 'wavlm'",
        )
    values = read_json(path)
    if values.get("model_type") != "wavlm":
        raise InputError(f"{path} is of model type {values.get('model_type')!r}, not 'wavlm'")
    return WavLMConfig.from_dict(values)


def _check_dimensions(folder: CheckpointFolder) -> None:
    labels = folder.config.get("id2label")
    found = [labels.get(str(axis)) for axis in range(len(labels))] if labels else None
    if found != list(DIMENSIONS):
        raise InputError(
            f"{folder.path / 'config.json'} is of a model with the outputs {found}",
            f"supported: {', '.join(DIMENSIONS)}, in this order",
        )


def _check_rate(path: Path, settings: Mapping[str, Any]) -> None:
    rate = settings.get("sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise InputError(f"{path} asks for audio at {rate} Hz; supported: {SAMPLE_RATE}")


def _check_encoder(path: Path, network: EmotionNetwork) -> None:
    if network.encoder.config.add_adapter:
        raise InputError(
            f"{path / 'config.json'} asks for an adapter after the transformer (add_adapter)",
            "the published teachers have none; supported: false",
        )


def _number(path: Path, config: Mapping[str, Any], name: str) -> float:
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{path} has no number {name!r}, by which the input is normalised")
    return float(value)
