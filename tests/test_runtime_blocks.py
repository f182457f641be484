"""Blocks of the backbone: kept outputs cover everything once and equal one pass, bit for bit."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.bundle import open_bundle
from edge_ser.frontend.numpy_frontend import log_mel
from edge_ser.runtime import load_engine
from edge_ser.runtime.blocks import BLOCK_FRAMES, blocks
from edge_ser.runtime.head import apply_head, pool_quantised
from edge_ser.runtime.host import BACKBONE, HostEngine, quantise
from edge_ser.runtime.partial import PartialPool


def _strided_window_sum(signal: NDArray[np.int64], radius: int) -> NDArray[np.int64]:
    """Output j sums frames 2j - radius to 2j + radius, zeros outside: a stand-in backbone."""
    padded = np.pad(signal, radius)
    return np.convolve(padded, np.ones(2 * radius + 1, np.int64), "valid")[::2]


@given(
    frames=st.integers(1, 2_000),
    radius=st.integers(0, 30),
    size=st.integers(1, 150).map(lambda half: 2 * half),
)
def test_kept_outputs_equal_one_pass(frames: int, radius: int, size: int) -> None:
    signal = np.random.default_rng(frames).integers(0, 100, frames)
    parts = [
        _strided_window_sum(signal[block.start : block.stop], radius)[block.kept]
        for block in blocks(frames, radius, size)
    ]
    assert np.array_equal(np.concatenate(parts), _strided_window_sum(signal, radius))


@given(frames=st.integers(1, 20_000))
def test_block_lengths_bound_memory_and_resizes(frames: int) -> None:
    cut = list(blocks(frames, radius=12))
    lengths = {block.stop - block.start for block in cut}
    assert max(lengths) <= BLOCK_FRAMES + 25
    assert len(lengths) <= 2
    assert all(block.start % 2 == 0 for block in cut)


@pytest.mark.parametrize("samples", [8_000, 9_000, 16_001, 33_333, 80_000, 100_001])
def test_the_engine_equals_one_pass_over_the_clip(exported_bundle: Path, samples: int) -> None:
    engine = load_engine(open_bundle(exported_bundle), "litert", BACKBONE)
    assert isinstance(engine, HostEngine)
    audio = 0.1 * np.random.default_rng(samples).standard_normal(samples, np.float32)
    features = log_mel(audio, engine.tables.frontend)
    outputs = engine.model.run(quantise(features, engine.tables.input)[None, :, :, None])
    values, scores = outputs["values"][0], outputs["scores"][0]
    codes = engine.tables.values, engine.tables.scores
    whole = apply_head(pool_quantised(values, scores, *codes).pooled(), engine.tables.head)
    assert np.abs(engine.predict(audio) - whole).max() < 1e-6


def test_merged_sums_are_the_sums_of_the_whole() -> None:
    values, scores = np.random.default_rng(0).normal(0, 5, (2, 100, 7))
    parts = (PartialPool.of(values[at : at + 30], scores[at : at + 30]) for at in range(0, 100, 30))
    merged = reduce(PartialPool.merge, parts).pooled()
    assert np.abs(merged - PartialPool.of(values, scores).pooled()).max() < 1e-12
