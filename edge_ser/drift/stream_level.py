"""What a stream's running level costs: readings with it against readings with each window's own.

A stream cannot normalise a window by its own level (every window would change every input of the
int8 network), so it takes a running one. Clips are joined into one long signal, and each window
of it is read both ways, through the same int8 backbone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.errors import InputError
from edge_ser.frontend.numpy_frontend import causal_log_mel
from edge_ser.metrics import ccc
from edge_ser.runtime.host import HostEngine

PAUSE_SECONDS = 0.5
"""Between two clips, filled with faint noise: a microphone's silence is never zero."""

_NOISE = 1e-4
_SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class LevelDrift:
    """One time constant.

    Attributes:
        seconds: the time constant.
        windows: compared.
        mae, largest: absolute difference per dimension, (3,).
        ccc: between the two readings per dimension, (3,).
    """

    seconds: float
    windows: int
    mae: NDArray[np.float64]
    largest: NDArray[np.float64]
    ccc: NDArray[np.float64]


def join(clips: Iterable[NDArray[np.float32]], longest: float, seed: int) -> NDArray[np.float32]:
    """Clips one behind the other with pauses, up to `longest` seconds: (samples,) float32."""
    random = np.random.default_rng(seed)
    parts: list[NDArray[np.float32]] = []
    total = 0
    for clip in clips:
        pause = _NOISE * random.standard_normal(round(PAUSE_SECONDS * SAMPLE_RATE))
        parts += [clip, pause.astype(np.float32)]
        total += len(clip) + len(pause)
        if total >= longest * SAMPLE_RATE:
            break
    return np.concatenate(parts or [np.zeros(0, np.float32)])[: round(longest * SAMPLE_RATE)]


def level_drift(
    engine: HostEngine,
    signal: NDArray[np.float32],
    time_constants: Sequence[float],
    window_seconds: float,
    hop_seconds: float,
) -> list[LevelDrift]:
    """Measure several time constants on one signal.

    Args:
        engine: runs the backbone.
        signal: (samples,) float32, 16 kHz.
        time_constants: seconds.
        window_seconds, hop_seconds: of the readings; the first windows are left out while the
            level settles.

    Raises:
        InputError: fewer than three windows.
    """
    spec = engine.tables.frontend
    window = round(window_seconds * SAMPLE_RATE / spec.hop) * spec.hop
    hop = round(hop_seconds * SAMPLE_RATE / spec.hop) * spec.hop
    first = round(_SETTLE_SECONDS * SAMPLE_RATE / spec.hop) * spec.hop
    starts = range(first, len(signal) - window + 1, hop)
    if len(starts) < 3:
        raise InputError(
            f"{len(signal) / SAMPLE_RATE:.0f} s of audio hold {len(starts)} windows to compare",
            "give a minute of speech or more with --audio",
        )
    own = np.array([engine.predict(signal[start : start + window]) for start in starts])
    found = []
    for seconds in time_constants:
        running = dataclasses.replace(spec, level_seconds=seconds)
        rows = causal_log_mel(signal, running)
        frames = [slice(start // spec.hop, (start + window) // spec.hop) for start in starts]
        streamed = np.array([engine.predict_log_mel(rows[part]) for part in frames])
        apart = np.abs(streamed - own).astype(np.float64)
        agreement = [ccc(own[:, i], streamed[:, i]) for i in range(own.shape[1])]
        found.append(
            LevelDrift(
                seconds, len(starts), apart.mean(axis=0), apart.max(axis=0), np.array(agreement)
            )
        )
    return found


def as_text(rows: Sequence[LevelDrift], chosen: float) -> str:
    """A table; `chosen` is the front-end's own time constant, marked."""
    lines = [
        "running level against each window's own, arousal / dominance / valence",
        f"{'seconds':>9} {'windows':>8}  {'MAE':^20}  {'largest':^20}  {'CCC':^20}",
    ]
    for row in rows:
        mark = "*" if row.seconds == chosen else " "
        columns = [" ".join(f"{x:6.4f}" for x in part) for part in (row.mae, row.largest, row.ccc)]
        lines.append(f"{row.seconds:>8g}{mark} {row.windows:>8}  {'  '.join(columns)}")
    return "\n".join([*lines, "* the front-end's own"])
