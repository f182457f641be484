"""The streaming front-end: rows equal to an offline pass's to the bit, for any chunks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.frontend.causal_level import CausalLevel
from edge_ser.frontend.decibel import normalised_decibel
from edge_ser.frontend.filterbank import hann, mel_matrix
from edge_ser.frontend.numpy_frontend import causal_log_mel
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.frontend.stream_frontend import StreamLogMel

SPEC = FrontEndSpec()
OTHER = FrontEndSpec(n_fft=256, hop=100, n_mels=40, fmin=60.0, level_seconds=0.05)


def in_chunks(
    front: StreamLogMel, audio: NDArray[np.float32], chunks: list[int]
) -> NDArray[np.float32]:
    rows, start = [], 0
    for size in [*chunks, len(audio)]:
        rows.append(front.push(audio[start : start + size]))
        start += size
    return np.concatenate(rows)


@settings(max_examples=60, deadline=None)
@given(
    chunks=st.lists(st.integers(0, 3_000), max_size=30),
    seed=st.integers(0, 2**32 - 1),
    spec=st.sampled_from([SPEC, OTHER]),
    gain=st.sampled_from([0.0, 1e-6, 0.1, 1.0, 40.0]),
)
def test_rows_are_those_of_one_pass(
    chunks: list[int], seed: int, spec: FrontEndSpec, gain: float
) -> None:
    random = np.random.default_rng(seed)
    audio = (gain * random.standard_normal(20_000)).astype(np.float32)
    rows = in_chunks(StreamLogMel(spec), audio, chunks)
    assert np.array_equal(rows, causal_log_mel(audio, spec))


def test_a_chunk_may_be_reused_by_its_owner() -> None:
    audio = synthetic_speech(0.5)
    front, rows = StreamLogMel(SPEC), []
    block = np.zeros(45, np.float32)
    for start in range(0, len(audio) - 45, 45):
        block[:] = audio[start : start + 45]
        rows.append(front.push(block))
    made = np.concatenate(rows)
    assert np.array_equal(made, causal_log_mel(audio, SPEC)[: len(made)])


def test_reset_forgets_everything() -> None:
    front, audio = StreamLogMel(SPEC), synthetic_speech(0.7)
    first = front.push(audio[:10_001])
    front.reset()
    assert np.array_equal(front.push(audio[:10_001]), first)


@pytest.mark.parametrize("spec", [SPEC, OTHER])
def test_bands_are_the_filterbanks(spec: FrontEndSpec) -> None:
    framed = np.random.default_rng(3).standard_normal((50, spec.n_fft))
    power = np.abs(np.fft.rfft(framed * hann(spec.n_fft), axis=1)) ** 2
    wanted = 10 * np.log10(np.maximum(power @ mel_matrix(spec).T, spec.log_floor))
    made = normalised_decibel(framed.copy(), spec)
    assert np.abs(made - (wanted - spec.mean_db) / spec.std_db).max() < 1e-12


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    framed = np.random.default_rng(4).standard_normal((300, SPEC.n_fft))
    together = normalised_decibel(framed.copy(), SPEC)
    for start, size in ((0, 1), (7, 2), (50, 33), (299, 1), (1, 256)):
        alone = normalised_decibel(framed[start : start + size].copy(), SPEC)
        assert np.array_equal(alone, together[start : start + size])


@pytest.mark.slow
def test_the_level_of_a_month_does_not_drift() -> None:
    """A month has 1.3 thousand million hops; the error does not grow with their number.

    Against the same recursion in 64-bit mantissas, over 83 time constants. Each step shrinks the
    error before it by 1 - 1 / level_hops, so that it stays below level_hops roundings.
    """
    random = np.random.default_rng(5)
    level = CausalLevel(dataclasses.replace(SPEC, hop=1))
    longest = np.longdouble(level.spec.level_hops)
    mean = square = hops = np.longdouble(0)
    errors = []
    for _ in range(8):
        block = 0.3 + 0.1 * random.standard_normal(500_000)
        for value in block.astype(np.longdouble):
            hops = min(hops + 1, longest)
            mean += (value - mean) / hops
            square += (value * value - square) / hops
        level.hear(block)
        errors.append(max(abs(float(mean - level.mean)), abs(float(square - level.square))))
    bound = 4 * float(longest) * np.finfo(np.float64).eps
    assert max(errors) < bound
    assert max(errors[4:]) < 4 * max(errors[:4])
