"""Tiny randomly initialised checkpoints of the published teachers, as the hub lays them out.

Tensors are made here by name and shape, not by the modules under test, and carry the names that
the hub's files use, weight normalisation spelled as in 2022 (`weight_g`, `weight_v`) included.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

Tensors = dict[str, NDArray[np.float32]]

HIDDEN, INNER, HEADS, LAYERS, CHANNELS = 24, 40, 3, 2, 8
KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
POSITIONS, GROUPS, BUCKETS, DISTANCE = 8, 4, 16, 24
MEAN, STD = -8.278621631819787e-05, 0.08485510250851999

VARIANTS = {
    "as-published": {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
    "group-norm": {"feat_extract_norm": "group", "do_stable_layer_norm": False},
}
"""The large models' layer norms, and those of the base models."""


def transformer_config(model_type: str, variant: str) -> dict[str, Any]:
    """config.json of a transformer."""
    return {
        "model_type": model_type,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "conv_dim": [CHANNELS] * 7,
        "conv_kernel": list(KERNELS),
        "conv_stride": list(STRIDES),
        "conv_bias": model_type == "wav2vec2",
        "num_conv_pos_embeddings": POSITIONS,
        "num_conv_pos_embedding_groups": GROUPS,
        "num_buckets": BUCKETS,
        "max_bucket_distance": DISTANCE,
        "layer_norm_eps": 1e-5,
        "mask_time_prob": 0.05,
        **VARIANTS[variant],
    }


def wav2vec2_folder(folder: Path, variant: str = "as-published", seed: int = 0) -> Path:
    """A folder like that of audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim."""
    labels = ("arousal", "dominance", "valence")
    config = transformer_config("wav2vec2", variant) | {
        "architectures": ["Wav2Vec2ForSpeechClassification"],
        "vocab_size": None,
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }
    random = np.random.default_rng(seed)
    tensors = {f"wav2vec2.{k}": v for k, v in transformer_tensors(random, config).items()}
    tensors |= linear(random, "classifier.dense", HIDDEN, HIDDEN)
    tensors |= linear(random, "classifier.out_proj", HIDDEN, 3)
    tensors["classifier.out_proj.bias"] += np.float32(0.5)
    write(folder, config, tensors, "cc-by-nc-sa-4.0")
    processor = {
        "do_normalize": True,
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        "sampling_rate": 16_000,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def wavlm_folder(folder: Path, variant: str = "as-published", seed: int = 1) -> Path:
    """A folder like that of 3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes."""
    transformer = transformer_config("wavlm", variant)
    config = {
        "architectures": ["SERModel"],
        "auto_map": {"AutoConfig": "pipeline_utils.SERConfig"},
        "classifier_dropout_prob": 0.5,
        "classifier_hidden_layers": 1,
        "hidden_size": HIDDEN,
        "maxlen": 192_000,
        "mean": MEAN,
        "model_type": "ser",
        "num_attention_heads": HEADS,
        "num_classes": 3,
        "num_hidden_layers": LAYERS,
        "sampling_rate": 16_000,
        "ssl_type": "tiny-wavlm",
        "std": STD,
    }
    random = np.random.default_rng(seed)
    tensors = {f"ssl_model.{k}": v for k, v in transformer_tensors(random, transformer).items()}
    tensors |= linear(random, "pool_model.sap_linear", HIDDEN, HIDDEN)
    tensors["pool_model.attention"] = normal(random, HIDDEN, 1)
    tensors |= linear(random, "ser_model.fc.0.0", 2 * HIDDEN, HIDDEN)
    tensors |= norm(random, "ser_model.fc.0.1", HIDDEN)
    tensors |= linear(random, "ser_model.out.0", HIDDEN, 3)
    write(folder, config, tensors, "mit")
    (folder / "tiny-wavlm").mkdir()
    (folder / "tiny-wavlm" / "config.json").write_text(json.dumps(transformer))
    return folder


def write(folder: Path, config: dict[str, Any], tensors: Tensors, licence: str) -> None:
    """config.json, model.safetensors and a model card."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, weights_of(folder))
    (folder / "README.md").write_text(f"---\nlanguage: en\nlicense: {licence}\n---\n# A model\n")


def weights_of(folder: Path) -> Path:
    """The weights file of a folder."""
    return folder / "model.safetensors"


def edit_config(folder: Path, name: str = "config.json", **values: Any) -> None:
    """Set values of a folder's JSON file; None removes one."""
    path = folder / name
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def transformer_tensors(random: np.random.Generator, config: dict[str, Any]) -> Tensors:
    """All tensors of a wav2vec2 or WavLM transformer, by the hub's names."""
    tensors: Tensors = {"masked_spec_embed": normal(random, HIDDEN)}
    for index, kernel in enumerate(KERNELS):
        prefix = f"feature_extractor.conv_layers.{index}"
        inputs = CHANNELS if index else 1
        tensors[f"{prefix}.conv.weight"] = normal(random, CHANNELS, inputs, kernel)
        if config["conv_bias"]:
            tensors[f"{prefix}.conv.bias"] = normal(random, CHANNELS)
        if config["feat_extract_norm"] == "layer" or index == 0:
            tensors |= norm(random, f"{prefix}.layer_norm", CHANNELS)
    tensors |= norm(random, "feature_projection.layer_norm", CHANNELS)
    tensors |= linear(random, "feature_projection.projection", CHANNELS, HIDDEN)
    positions = "encoder.pos_conv_embed.conv"
    tensors[f"{positions}.bias"] = normal(random, HIDDEN)
    tensors[f"{positions}.weight_g"] = np.abs(normal(random, 1, 1, POSITIONS))
    tensors[f"{positions}.weight_v"] = normal(random, HIDDEN, HIDDEN // GROUPS, POSITIONS)
    tensors |= norm(random, "encoder.layer_norm", HIDDEN)
    for index in range(LAYERS):
        tensors |= layer_tensors(random, f"encoder.layers.{index}", config, first=index == 0)
    return tensors


def layer_tensors(
    random: np.random.Generator, prefix: str, config: dict[str, Any], first: bool
) -> Tensors:
    """One transformer layer; WavLM's first holds the embedding of relative positions."""
    tensors: Tensors = {}
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        tensors |= linear(random, f"{prefix}.attention.{name}", HIDDEN, HIDDEN)
    if config["model_type"] == "wavlm":
        tensors[f"{prefix}.attention.gru_rel_pos_const"] = 1 + normal(random, 1, HEADS, 1, 1)
        tensors |= linear(random, f"{prefix}.attention.gru_rel_pos_linear", HIDDEN // HEADS, 8)
        if first:
            embedding = normal(random, BUCKETS, HEADS)
            tensors[f"{prefix}.attention.rel_attn_embed.weight"] = embedding
    tensors |= norm(random, f"{prefix}.layer_norm", HIDDEN)
    tensors |= norm(random, f"{prefix}.final_layer_norm", HIDDEN)
    tensors |= linear(random, f"{prefix}.feed_forward.intermediate_dense", HIDDEN, INNER)
    tensors |= linear(random, f"{prefix}.feed_forward.output_dense", INNER, HIDDEN)
    return tensors


def linear(random: np.random.Generator, name: str, inputs: int, outputs: int) -> Tensors:
    """Weight and bias of a linear layer."""
    return {
        f"{name}.weight": normal(random, outputs, inputs),
        f"{name}.bias": normal(random, outputs),
    }


def norm(random: np.random.Generator, name: str, features: int) -> Tensors:
    """Scale and shift of a layer or group norm."""
    return {
        f"{name}.weight": 1 + normal(random, features),
        f"{name}.bias": normal(random, features),
    }


def normal(random: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Values whose products neither vanish nor explode."""
    return random.normal(0, 0.3, shape).astype(np.float32)
