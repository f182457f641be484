"""The int8 backbone on its own: rows of log-mel in, values and scores out, on either runtime.

What differs between runtimes is how a row is stored and how an output is read; both are here, so
that whoever cuts a signal into blocks need not know the runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.manifest import Quantisation
from edge_ser.runtime.head import pool_quantised
from edge_ser.runtime.interpreter import TfliteModel
from edge_ser.runtime.partial import PartialPool
from edge_ser.runtime.tables import BackboneTables


class Backbone(Protocol):
    """A loaded backbone."""

    def stored(self, rows: NDArray[np.float32]) -> NDArray[Any]:
        """(frames, n_mels) float32 log-mel as the model takes it, row by row."""

    def run(self, rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Values and scores of stored rows, outputs first; the signal begins and ends with them."""

    def pool(self, values: NDArray[Any], scores: NDArray[Any]) -> PartialPool:
        """Softmax sums of a stretch of outputs, at least one."""


def quantise(values: NDArray[np.float32], code: Quantisation) -> NDArray[np.int8]:
    """Nearest int8 code, ties to even, saturating at -128 and 127; any shape."""
    scaled = np.rint(values / np.float32(code.scale))
    return np.clip(scaled + code.zero_point, -128, 127).astype(np.int8)


@dataclass(frozen=True)
class TfliteBackbone:
    """`backbone.int8.tflite`: int8 codes in, int8 codes (outputs, bands, channels) out."""

    model: TfliteModel
    tables: BackboneTables

    def stored(self, rows: NDArray[np.float32]) -> NDArray[np.int8]:
        """See `Backbone.stored`."""
        return quantise(rows, self.tables.input)

    def run(self, rows: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """See `Backbone.run`."""
        outputs = self.model.run(rows[None, :, :, None])
        return outputs["values"][0], outputs["scores"][0]

    def pool(self, values: NDArray[np.int8], scores: NDArray[np.int8]) -> PartialPool:
        """See `Backbone.pool`."""
        return pool_quantised(values, scores, self.tables.values, self.tables.scores)
