"""Long audio in overlapping windows, and how their answers make one.

Both published teachers were trained on podcast turns of 2.75 to 11 s; the WavLM one cut its
input to 12 s (`maxlen` of its config). What is longer is therefore heard in windows of 12 s,
spread evenly, that overlap by 2 s or more. Every sample counts once: it shares its weight
among the windows that hold it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE

WINDOW = 12 * SAMPLE_RATE
OVERLAP = 2 * SAMPLE_RATE
"""Samples of a window, and those that two neighbours share at least."""


def window_starts(samples: int) -> NDArray[np.int64]:
    """First samples of the windows that cover (samples,) of audio.

    Examples:
        >>> window_starts(12 * 16_000)
        array([0])
        >>> window_starts(30 * 16_000) / 16_000
        array([ 0.,  9., 18.])
    """
    if samples <= WINDOW:
        return np.zeros(1, np.int64)
    count = -(-(samples - OVERLAP) // (WINDOW - OVERLAP))
    return np.round(np.linspace(0, samples - WINDOW, count)).astype(np.int64)


def windows_of(audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The windows themselves, each (12 s,), or the whole of shorter audio."""
    return [audio[start : start + WINDOW] for start in window_starts(len(audio))]


def window_weights(samples: int) -> NDArray[np.float64]:
    """(windows,) how much each window's answer counts; they sum to 1.

    Examples:
        >>> window_weights(30 * 16_000).round(4).tolist()
        [0.35, 0.3, 0.35]
    """
    starts = window_starts(samples)
    ends = np.minimum(starts + WINDOW, samples)
    edges = np.unique(np.concatenate([starts, ends]))
    holds = (starts[:, None] <= edges[:-1]) & (edges[1:] <= ends[:, None])
    shares = np.diff(edges) / holds.sum(axis=0)
    weights: NDArray[np.float64] = (holds * shares).sum(axis=1) / samples
    return weights
