"""The published teachers' forward passes once more, in numpy, from their descriptions.

Written from arXiv 2006.11477 (wav2vec 2.0), 2110.13900 (WavLM: gated relative position bias)
and 1803.10963 (attentive statistics), one clip at a time, in float64, without padding or masks:
what the batched, masked networks must agree with. Shares no code with `edge_ser` or transformers.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from teacher_checkpoints import weights_of

Array = NDArray[np.float64]


def emotion_of(folder: Path, audio: NDArray[np.float32]) -> Array:
    """(samples,) -> (3,) as the folder's weights say."""
    tensors = {
        name: value.astype(np.float64) for name, value in load_file(weights_of(folder)).items()
    }
    config = json.loads((folder / "config.json").read_text())
    signal = audio.astype(np.float64)
    if config["model_type"] == "wav2vec2":
        signal = (signal - signal.mean()) / np.sqrt(signal.var() + 1e-7)
        frames = transformer(part(tensors, "wav2vec2."), config, signal)
        hidden = np.tanh(affine(tensors, "classifier.dense", frames.mean(0)))
        return affine(tensors, "classifier.out_proj", hidden)
    signal = (signal - config["mean"]) / (config["std"] + 1e-6)
    inner = json.loads((folder / config["ssl_type"] / "config.json").read_text())
    frames = transformer(part(tensors, "ssl_model."), inner, signal)
    scores = (
        np.tanh(affine(tensors, "pool_model.sap_linear", frames)) @ tensors["pool_model.attention"]
    )
    weights = softmax(scores[:, 0])[:, None]
    mean = (weights * frames).sum(0)
    deviation = np.sqrt(np.maximum((weights * frames**2).sum(0) - mean**2, 1e-5))
    hidden = affine(tensors, "ser_model.fc.0.0", np.concatenate([mean, deviation]))
    hidden = np.maximum(layer_norm(tensors, "ser_model.fc.0.1", hidden), 0)
    return affine(tensors, "ser_model.out.0", hidden)


def transformer(tensors: dict[str, Array], config: dict[str, Any], signal: Array) -> Array:
    """(samples,) -> (frames, hidden) last hidden state."""
    stable = config["do_stable_layer_norm"]
    frames = affine(
        tensors,
        "feature_projection.projection",
        layer_norm(tensors, "feature_projection.layer_norm", convolutions(tensors, config, signal)),
    )
    frames = frames + positions(tensors, config, frames)
    if not stable:
        frames = layer_norm(tensors, "encoder.layer_norm", frames)
    bias = relative_bias(tensors, config, len(frames)) if config["model_type"] == "wavlm" else None
    for index in range(config["num_hidden_layers"]):
        layer = part(tensors, f"encoder.layers.{index}.")
        if stable:
            frames = frames + attention(
                layer, config, layer_norm(layer, "layer_norm", frames), bias
            )
            frames = frames + feed_forward(layer, layer_norm(layer, "final_layer_norm", frames))
        else:
            frames = layer_norm(
                layer, "layer_norm", frames + attention(layer, config, frames, bias)
            )
            frames = layer_norm(layer, "final_layer_norm", frames + feed_forward(layer, frames))
    return layer_norm(tensors, "encoder.layer_norm", frames) if stable else frames


def convolutions(tensors: dict[str, Array], config: dict[str, Any], signal: Array) -> Array:
    """(samples,) -> (frames, channels)."""
    frames = signal[:, None]
    for index, stride in enumerate(config["conv_stride"]):
        layer = part(tensors, f"feature_extractor.conv_layers.{index}.")
        kernel = layer["conv.weight"]
        taps = np.lib.stride_tricks.sliding_window_view(frames, kernel.shape[2], axis=0)[::stride]
        frames = np.einsum("tik,oik->to", taps, kernel) + layer.get("conv.bias", 0)
        if config["feat_extract_norm"] == "layer":
            frames = layer_norm(layer, "layer_norm", frames)
        elif index == 0:  # each channel by its own mean and variance over time
            frames = (frames - frames.mean(0)) / np.sqrt(frames.var(0) + 1e-5)
            frames = frames * layer["layer_norm.weight"] + layer["layer_norm.bias"]
        frames = gelu(frames)
    return frames


def positions(tensors: dict[str, Array], config: dict[str, Any], frames: Array) -> Array:
    """Grouped convolution over time with weight normalisation per tap; an even kernel's last
    output is dropped."""
    direction = tensors["encoder.pos_conv_embed.conv.weight_v"]
    length = np.sqrt((direction**2).sum((0, 1), keepdims=True))
    kernel = tensors["encoder.pos_conv_embed.conv.weight_g"] * direction / length
    taps, groups = kernel.shape[2], config["num_conv_pos_embedding_groups"]
    padded = np.pad(frames, ((taps // 2, taps // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps, axis=0)[: len(frames)]
    outputs = [
        np.einsum("tik,oik->to", inputs, weights)
        for inputs, weights in zip(
            np.split(windows, groups, axis=1), np.split(kernel, groups, axis=0), strict=True
        )
    ]
    return gelu(np.concatenate(outputs, 1) + tensors["encoder.pos_conv_embed.conv.bias"])


def attention(
    layer: dict[str, Array], config: dict[str, Any], frames: Array, bias: Array | None
) -> Array:
    """(frames, hidden) -> (frames, hidden), head by head."""
    heads = config["num_attention_heads"]
    width = frames.shape[1] // heads
    query, key, value = (affine(layer, f"attention.{n}_proj", frames) for n in "qkv")
    outputs = []
    for head in range(heads):
        columns = slice(head * width, (head + 1) * width)
        scores = query[:, columns] @ key[:, columns].T / math.sqrt(width)
        if bias is not None:
            gates = affine(layer, "attention.gru_rel_pos_linear", frames[:, columns])
            update, reset = (sigmoid(half.sum(1)) for half in np.split(gates, 2, axis=1))
            scale = layer["attention.gru_rel_pos_const"][0, head, 0, 0]
            scores += (update * (reset * scale - 1) + 2)[:, None] * bias[head]
        outputs.append(softmax(scores) @ value[:, columns])
    return affine(layer, "attention.out_proj", np.concatenate(outputs, 1))


def relative_bias(tensors: dict[str, Array], config: dict[str, Any], frames: int) -> Array:
    """(heads, frames, frames): half of the buckets for the past, half for the future; near ones
    exact, far ones logarithmic."""
    embedding = tensors["encoder.layers.0.attention.rel_attn_embed.weight"]
    half = config["num_buckets"] // 2
    exact = half // 2
    table = np.empty((embedding.shape[1], frames, frames))
    for here in range(frames):
        for there in range(frames):
            distance = abs(there - here)
            bucket = distance
            if distance >= exact:
                far = math.log(distance / exact) / math.log(config["max_bucket_distance"] / exact)
                bucket = min(exact + int(far * (half - exact)), half - 1)
            table[:, here, there] = embedding[bucket + (half if there > here else 0)]
    return table


def feed_forward(layer: dict[str, Array], frames: Array) -> Array:
    """Linear, GELU, Linear."""
    hidden = gelu(affine(layer, "feed_forward.intermediate_dense", frames))
    return affine(layer, "feed_forward.output_dense", hidden)


def affine(tensors: dict[str, Array], name: str, values: Array) -> Array:
    """A linear layer."""
    return np.asarray(values @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"])


def layer_norm(tensors: dict[str, Array], name: str, values: Array) -> Array:
    """Over the last axis, eps 1e-5."""
    centred = values - values.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return np.asarray(scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"])


def softmax(values: Array) -> Array:
    """Over the last axis."""
    powers = np.exp(values - values.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def gelu(values: Array) -> Array:
    """Exact, by the error function."""
    return np.asarray(0.5 * values * (1 + erf(values / math.sqrt(2))))


def sigmoid(values: Array) -> Array:
    """Logistic function."""
    return 1 / (1 + np.exp(-values))


def part(tensors: dict[str, Array], prefix: str) -> dict[str, Array]:
    """The tensors below a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
