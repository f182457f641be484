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

from edge_ser.frontend.numpy_frontend import causal_log_mel
from edge_ser.runtime.blocks import STRIDE, blocks
from edge_ser.runtime.head import apply_head
from edge_ser.runtime.host import BackboneEngine

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
        start: of the first sample here; `start - begun` is a multiple of `source.GRID`.
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
    return Stretch(begun, start, np.fromfile(path, np.float32))


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


def largest_difference(engine: BackboneEngine, stretch: Stretch, windows: list[Window]) -> float:
    """Largest absolute difference of any dimension of any of the windows; 0 without windows."""
    if not windows:
        return 0.0
    spec, backbone = engine.tables.frontend, engine.backbone
    values, scores = _outputs(engine, causal_log_mel(stretch.samples, spec))
    worst = 0.0
    for window in windows:
        # The outputs that stand before a sample: of whole frames, one per stride begun.
        first, last = (
            -(-((sample - stretch.start) // spec.hop) // STRIDE)
            for sample in (window.start, window.end)
        )
        pool = backbone.pool(values[first:last], scores[first:last])
        offline = apply_head(pool.pooled(), engine.tables.head)
        worst = max(worst, float(np.abs(offline - window.values).max()))
    return worst


def _outputs(
    engine: BackboneEngine, features: NDArray[np.float32]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """The backbone's values and scores of every output frame, (outputs, bands, channels)."""
    backbone = engine.backbone
    values, scores = [], []
    for part in blocks(len(features), engine.tables.receptive_radius):
        ran = backbone.run(backbone.stored(features[part.start : part.stop]))
        values.append(ran[0][part.kept])
        scores.append(ran[1][part.kept])
    return np.concatenate(values), np.concatenate(scores)
