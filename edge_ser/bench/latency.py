"""Latency of several models in one process, their runs interleaved.

Machines change speed (heat, neighbours, governors), so a time from one run and a time from
another cannot be divided. Here every round runs each model once, in rotating order; ratios
are taken within the run. Never quote such figures from an emulator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WARM_UP = 3


@dataclass(frozen=True)
class Timing:
    """One model's latency per clip, in milliseconds."""

    p50_ms: float
    p90_ms: float
    min_ms: float
    runs: int


def interleaved(
    models: Mapping[str, Callable[[NDArray[np.float32]], object]],
    audio: NDArray[np.float32],
    rounds: int,
    tick: Callable[[], object],
) -> dict[str, Timing]:
    """Time each model `rounds` times, after a warm-up.

    Args:
        models: name -> predict.
        audio: (samples,) float32, given to each.
        rounds: at least 1.
        tick: called after each round, for a progress bar.
    """
    seconds: dict[str, list[float]] = {name: [] for name in models}
    names = list(models)
    for name in names:
        for _ in range(WARM_UP):
            models[name](audio)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            models[name](audio)
            seconds[name].append(time.perf_counter() - start)
        tick()
    return {name: summarise(times) for name, times in seconds.items()}


def summarise(seconds: list[float]) -> Timing:
    """Median, 90th percentile and minimum of run times in seconds."""
    milliseconds = 1000 * np.array(seconds)
    return Timing(
        p50_ms=float(np.percentile(milliseconds, 50)),
        p90_ms=float(np.percentile(milliseconds, 90)),
        min_ms=float(milliseconds.min()),
        runs=len(seconds),
    )
