"""The backbone over a stream of rows: each output once, as one pass over all rows would give it.

A run covers `size` outputs and the rows that reach them, always the same number, so that a runtime
keeps its tensors. Where the stream begins and where it ends there is nothing beyond: these runs
meet the padding that an offline pass meets. All others keep the interior, and start on a row of
the pool's stride.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.runtime.backbone import Backbone
from edge_ser.runtime.blocks import STRIDE


class BackboneStream:
    """Outputs of one stream.

    Args:
        backbone: runs the rows.
        radius: rows on either side of an output's first that reach it (`receptive_radius`).
        size: outputs per run, at most; rows that one run needs are repeated in the next, so that
            larger is cheaper and needs more memory.
        n_mels: of a row.
    """

    def __init__(self, backbone: Backbone, radius: int, size: int, n_mels: int) -> None:
        self._backbone = backbone
        self._radius = radius
        self._context = radius + radius % STRIDE
        self._size = size
        self._none = backbone.stored(np.zeros((0, n_mels), np.float32))
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self._rows = self._none
        self._first = 0
        self._done = 0

    @property
    def done(self) -> int:
        """Outputs given so far."""
        return self._done

    @property
    def heard(self) -> int:
        """Rows taken so far."""
        return self._first + len(self._rows)

    def next_end(self, most: int) -> int:
        """The outputs that stand after the next run, which goes no further than `most`."""
        return min(self._done + self._size, most)

    def rows_for(self, end: int) -> int:
        """Rows that must have been heard before outputs up to `end` can be given."""
        return STRIDE * (end - 1) + self._radius + 1

    def hear(self, rows: NDArray[np.float32]) -> None:
        """(n, n_mels) rows of log-mel."""
        self._rows = np.concatenate([self._rows, self._backbone.stored(rows)])

    def advance(self, end: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Values and scores from `done` to `end`, whose rows have been heard."""
        return self._run(end, self.rows_for(end))

    def finish(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Values and scores of all that is left: no row follows. Some row has been heard."""
        return self._run(-(-self.heard // STRIDE), self.heard)

    def _run(self, end: int, stop: int) -> tuple[NDArray[Any], NDArray[Any]]:
        start = max(0, STRIDE * min(self._done, end - self._size) - self._context)
        values, scores = self._backbone.run(self._rows[start - self._first : stop - self._first])
        kept = slice(self._done - start // STRIDE, end - start // STRIDE)
        self._done = end
        self._forget()
        return values[kept], scores[kept]

    def _forget(self) -> None:
        """Drop rows that no later run looks at."""
        first = max(0, STRIDE * (self._done + 1 - self._size) - self._context)
        self._rows, self._first = self._rows[first - self._first :].copy(), first
