"""Readings of the soak against an offline pass over the same stretch of signal.

The offline pass shares neither state nor code path with the stream: the front-end over the whole
stretch at once, the backbone over all of its frames, the pool over the window's. A stretch that
begins later than the signal starts with a level that knows nothing; what the stream remembered of
earlier audio has decayed by `FORGOTTEN` when the first compared window begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ser.bench.soak.source import GRID
from edge_ser.bundle.manifest import Quantisation
from edge_ser.frontend.numpy_frontend import causal_log_mel
from edge_ser.runtime.blocks import blocks
from edge_ser.runtime.head import apply_head, pool_quantised
from edge_ser.runtime.host import HostEngine, quantise

FORGOTTEN = 40.0
"""Time constants of the level before the first compared window: e^-40 is 4e-18, less than the
rounding of float64."""

MOST_WINDOWS = 8
"""Compared per stretch, the last ones."""


@dataclass(frozen=True)
class Stretch:
    """A piece of the stream's signal.

    Attributes:
        begun: sample at which this signal began, at an outage or at 0.
        start: of the first sample here; `start - begun` is a multiple of `GRID`.
        samples: (n,) float32 at 16 kHz.
    """

    begun: int
    start: int
    samples: NDArray[np.float32]

    @property
    def end(self) -> int:
        """Sample after the last one."""
        return self.start + len(self.samples)


def read_stretch(path: Path) -> Stretch:
    """A tape as `Tape.save` wrote it."""
    begun, start, _ = map(int, path.stem.split("-"))
    return Stretch(begun, start, np.load(path))


@dataclass(frozen=True)
class Window:
    """Samples [start, end) of the stream and what was said of them, (3,)."""

    start: int
    end: int
    values: NDArray[np.float64]


def comparable(
    stretch: Stretch, windows: Mapping[int, Window], level_seconds: float, rate: int
) -> list[Window]:
    """The last windows that the stretch determines.

    Args:
        stretch: of the signal.
        windows: by their end.
        level_seconds: time constant of the front-end's level.
        rate: samples per second.
    """
    settled = stretch.start
    if stretch.start > stretch.begun:
        settled += round(FORGOTTEN * level_seconds * rate)
    # The last frames of a stretch lack the context that the stream heard behind them.
    last = stretch.end - rate
    inside = [w for w in windows.values() if settled <= w.start and w.end <= last]
    return sorted(inside, key=lambda window: window.end)[-MOST_WINDOWS:]


def largest_difference(engine: HostEngine, stretch: Stretch, windows: list[Window]) -> float:
    """Largest absolute difference of any dimension of any of the windows; 0 without windows."""
    if not windows:
        return 0.0
    values, scores = _outputs(engine, causal_log_mel(stretch.samples, engine.tables.frontend))
    tables = engine.tables
    worst = 0.0
    for window in windows:
        first, last = ((at - stretch.start) // GRID for at in (window.start, window.end))
        pool = pool_quantised(values[first:last], scores[first:last], tables.values, tables.scores)
        offline = apply_head(pool.pooled(), tables.head)
        worst = max(worst, float(np.abs(offline - window.values).max()))
    return worst


def _outputs(
    engine: HostEngine, features: NDArray[np.float32]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """The backbone's values and scores for every output frame, (frames, bands, channels)."""
    code: Quantisation = engine.tables.input
    values, scores = [], []
    for part in blocks(len(features), engine.tables.receptive_radius):
        codes = quantise(features[part.start : part.stop], code)
        outputs = engine.model.run(codes[None, :, :, None])
        values.append(outputs["values"][0][part.kept])
        scores.append(outputs["scores"][0][part.kept])
    return np.concatenate(values), np.concatenate(scores)
