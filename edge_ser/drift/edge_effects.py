"""A window's reading from a stream against the same audio cut out and read on its own.

Two things differ. At the cut the backbone meets padding where the stream has sound before and
after: *edges*, with the stream's own level in both. And a clip is normalised by its own level, as
files are, where a stream has a running one: *edges and level*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bundle import Bundle
from edge_ser.errors import InputError
from edge_ser.frontend.numpy_frontend import causal_log_mel
from edge_ser.metrics import ccc
from edge_ser.runtime.host import BackboneEngine
from edge_ser.runtime.incremental import Estimate, load_incremental
from edge_ser.runtime.selection import backbone_artefact, load_engine

_SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class EdgeEffect:
    """Readings from the stream against one other way.

    Attributes:
        against: the other way, in words.
        window_seconds: of the readings.
        windows: compared.
        mae, largest: absolute difference per dimension, (3,).
        ccc: between the two readings per dimension, (3,).
    """

    against: str
    window_seconds: float
    windows: int
    mae: NDArray[np.float64]
    largest: NDArray[np.float64]
    ccc: NDArray[np.float64]


def edge_effects(
    bundle: Bundle,
    engine: str | None,
    signal: NDArray[np.float32],
    window_seconds: Sequence[float],
    hop_seconds: float,
) -> list[EdgeEffect]:
    """Measure windows of several lengths on one signal.

    Args:
        bundle: open.
        engine: "litert", "tflite-runtime" or "onnxruntime"; None takes the first that is here.
        signal: (samples,) float32, 16 kHz.
        window_seconds: 0.5 to 60 each.
        hop_seconds: between readings; those of the first 5 s are left out, while the level settles.

    Raises:
        InputError: an engine that gives no access to its rows, or fewer than three windows.
    """
    found: list[EdgeEffect] = []
    for seconds in window_seconds:
        stream = load_incremental(bundle, engine, window_seconds=seconds, hop_seconds=hop_seconds)
        clips = load_engine(bundle, stream.name, backbone_artefact(stream.name))
        if not isinstance(clips, BackboneEngine):
            raise InputError(
                f"edge effects cannot be measured on {stream.name}", "use litert or onnxruntime"
            )
        settled = _SETTLE_SECONDS * SAMPLE_RATE
        windows = [e for e in stream.push(signal) if e.start >= settled and not e.partial]
        found += _compare(clips, signal, windows, seconds)
    return found


def _compare(
    clips: BackboneEngine,
    signal: NDArray[np.float32],
    windows: Sequence[Estimate],
    seconds: float,
) -> list[EdgeEffect]:
    if len(windows) < 3:
        raise InputError(
            f"{len(signal) / SAMPLE_RATE:.0f} s of audio hold {len(windows)} windows to compare",
            "give a minute of speech or more with --audio",
        )
    spec = clips.tables.frontend
    rows = causal_log_mel(signal, spec)
    streamed = np.array([window.values for window in windows])
    cut = [rows[window.start // spec.hop : window.end // spec.hop] for window in windows]
    others = {
        "edges (same level)": np.array([clips.predict_log_mel(part) for part in cut]),
        "edges and level (own clip)": np.array(
            [clips.predict(signal[window.start : window.end]) for window in windows]
        ),
    }
    return [_effect(name, seconds, streamed, other) for name, other in others.items()]


def _effect(
    against: str, seconds: float, streamed: NDArray[np.float32], other: NDArray[np.float32]
) -> EdgeEffect:
    apart = np.abs(streamed - other).astype(np.float64)
    agreement = np.array([ccc(other[:, i], streamed[:, i]) for i in range(other.shape[1])])
    return EdgeEffect(
        against, seconds, len(streamed), apart.mean(axis=0), apart.max(axis=0), agreement
    )


def as_text(rows: Sequence[EdgeEffect]) -> str:
    """A table."""
    lines = [
        "readings from a stream against windows cut out of it, arousal / dominance / valence",
        f"{'window':>8} {'windows':>8}  {'differing in':<27} {'MAE':^20}  {'largest':^20}  "
        f"{'CCC':^20}",
    ]
    for row in rows:
        columns = [" ".join(f"{x:6.4f}" for x in part) for part in (row.mae, row.largest, row.ccc)]
        lines.append(
            f"{row.window_seconds:>6g} s {row.windows:>8}  {row.against:<27} {'  '.join(columns)}"
        )
    return "\n".join(lines)
