"""What the readings of a running level must equal: one pass over all of the signal at once.

The whole signal through the front-end with its running level and through the backbone; a window
is the pool over the outputs that stand in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.bundle import open_bundle
from edge_ser.frontend.numpy_frontend import causal_log_mel
from edge_ser.runtime.head import apply_head
from edge_ser.runtime.host import BackboneEngine
from edge_ser.runtime.selection import backbone_artefact, load_engine

FRAME, STRIDE = 32, 2
"""Samples per log-mel frame, frames per output."""

TOLERANCE = 1e-5


def outputs_before(sample: int) -> int:
    """Outputs that stand before a sample."""
    return -(-(sample // FRAME) // STRIDE)


@dataclass(frozen=True)
class OfflinePass:
    """One pass.

    Attributes:
        engine: computed it.
        values, scores: of the backbone, outputs first.
    """

    engine: BackboneEngine
    values: NDArray[Any]
    scores: NDArray[Any]

    @classmethod
    def over(cls, audio: NDArray[np.float32], engine: BackboneEngine) -> OfflinePass:
        """(samples,) float32 at 16 kHz, at least one frame."""
        rows = causal_log_mel(audio, engine.tables.frontend)
        return cls(engine, *engine.backbone.run(engine.backbone.stored(rows)))

    def window(self, start: int, end: int) -> NDArray[np.float64]:
        """(3,) A/D/V of the samples [start, end)."""
        part = slice(outputs_before(start), outputs_before(end))
        pool = self.engine.backbone.pool(self.values[part], self.scores[part])
        return apply_head(pool.pooled(), self.engine.tables.head)


def assert_read_as_offline(
    readings: Iterable[dict[str, Any]], audio: NDArray[np.float32], bundle: Path
) -> None:
    """JSON readings, all of them with values, against a pass over `audio` on their engine."""
    readings = list(readings)
    (name,) = {reading["engine"] for reading in readings}
    with open_bundle(bundle) as opened:
        engine = load_engine(opened, name, backbone_artefact(name))
    assert isinstance(engine, BackboneEngine)
    offline = OfflinePass.over(audio, engine)
    for reading in readings:
        expected = offline.window(reading["start_sample"], reading["end_sample"])
        found = [reading[dimension] for dimension in DIMENSIONS]
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
