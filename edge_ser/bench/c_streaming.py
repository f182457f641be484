"""Streaming on this machine: the C engine against LiteRT's one-file model, paired, interleaved.

One second of new audio costs the engine one second of rows. LiteRT's hybrid file takes 5 s at a
time, so a reading costs it all five, whatever is new; what it would cost if its windows did not
overlap is given beside it. Milliseconds of a noisy machine are no result; their ratio is.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bench.candidates import bench_audio
from edge_ser.bundle import Bundle
from edge_ser.errors import InputError
from edge_ser.runtime import load_engine
from edge_ser.runtime.c import CEngine, to_pcm

HYBRID = "model.int8.tflite"
_CHUNK = SAMPLE_RATE // 100
"""10 ms, as a sound card gives them."""


@dataclass(frozen=True)
class Streaming:
    """Paired medians.

    Attributes:
        engine: kernels of the C engine.
        peer: runtime and version.
        rounds: pairs.
        engine_ms: for one second of audio, in chunks of 10 ms.
        peer_ms: for one window.
        window_seconds: of the peer.
        ratio: median over the pairs of peer_ms / engine_ms.
    """

    engine: str
    peer: str
    rounds: int
    engine_ms: float
    peer_ms: float
    window_seconds: float
    ratio: float

    def __str__(self) -> str:
        apart = self.ratio / self.window_seconds
        return (
            f"streaming, this machine: the engine ({self.engine}) takes 1/{self.ratio:.1f} of the "
            f"time of {self.peer} for a reading after each second of audio "
            f"({self.engine_ms:.2f} and {self.peer_ms:.2f} ms, medians of {self.rounds} pairs); "
            f"against windows that do not overlap, {apart:.2f}x as fast"
        )


def measure_streaming(bundle: Bundle, rounds: int) -> Streaming:
    """Time both in turns.

    Args:
        bundle: open.
        rounds: pairs; one more goes before as a warm-up.

    Raises:
        EnvironmentMissing: no C compiler, or no LiteRT.
        InputError: no round.
    """
    if rounds < 1:
        raise InputError(f"{rounds} rounds cannot be measured", "give 1 round or more")
    hybrid = load_engine(bundle, "litert", HYBRID)
    engine = load_engine(bundle, "c")
    assert isinstance(engine, CEngine)
    window = bench_audio(bundle, bundle.manifest.window_seconds)
    second = to_pcm(window[:SAMPLE_RATE])
    pairs = []
    for _ in range(rounds + 1):
        pairs.append(
            (_timed(lambda: hybrid.predict(window)), _timed(lambda: _push(engine, second)))
        )
    kept = pairs[1:]
    return Streaming(
        engine=engine.library.edge_ser_kernels().decode(),
        peer=f"{hybrid.name} {hybrid.version}, {HYBRID}",
        rounds=rounds,
        engine_ms=1e3 * statistics.median(ours for _, ours in kept),
        peer_ms=1e3 * statistics.median(theirs for theirs, _ in kept),
        window_seconds=bundle.manifest.window_seconds,
        ratio=statistics.median(theirs / ours for theirs, ours in kept),
    )


def _push(engine: CEngine, pcm: NDArray[np.int16]) -> None:
    for start in range(0, len(pcm), _CHUNK):
        engine.push(pcm[start : start + _CHUNK])


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
