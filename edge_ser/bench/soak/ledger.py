"""Whether readings follow each other without a gap, judged from the readings alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.bench.soak.spot_checks import Window

FIRST_SECONDS = 1.0
"""A stream's first reading comes after so much audio, or after a hop if that is longer."""

CONTEXT_SECONDS = 0.1
"""What the network may still wait for when an outage ends a signal."""

_KEPT_SECONDS = 400.0


class Ledger:
    """Every reading goes through `enter`, in order.

    Args:
        hop_seconds: between readings.

    Attributes:
        readings, missing: that came; that should have come between them.
        windows: the newest ones with values, by their end.
    """

    def __init__(self, hop_seconds: float) -> None:
        self.readings = 0
        self.missing = 0
        self.windows: dict[int, Window] = {}
        self._hop = round(hop_seconds * SAMPLE_RATE)
        self._end = 0

    @property
    def end(self) -> int:
        """Sample after the newest window."""
        return self._end

    def enter(self, reading: Mapping[str, Any]) -> None:
        """Take the JSON object of a reading."""
        start, end = reading["start_sample"], reading["end_sample"]
        if start >= self._end:
            # The stream's first reading, or one that shares nothing with the one before it.
            self._close(start)
            first = max(round(FIRST_SECONDS * SAMPLE_RATE), self._hop)
            self.missing += max(0, (end - start - first) // self._hop)
        else:
            # The last window of a stream may be less than a hop behind the one before it.
            self.missing += max(0, -(-(end - self._end) // self._hop) - 1)
        self.readings += 1
        self._end = end
        self._keep(start, end, reading)

    def finish(self, given: int) -> None:
        """The stream ended after so many samples."""
        self._close(given)

    def _close(self, end: int) -> None:
        """A signal ended here: the readings must have come close to it."""
        waiting = end - self._end - round(CONTEXT_SECONDS * SAMPLE_RATE)
        self.missing += max(0, waiting // self._hop)

    def _keep(self, start: int, end: int, reading: Mapping[str, Any]) -> None:
        if reading["state"] == "speech":
            values = np.array([reading[name] for name in DIMENSIONS])
            self.windows[end] = Window(start, end, values)
        oldest = next(iter(self.windows), end)
        if oldest < end - _KEPT_SECONDS * SAMPLE_RATE:
            del self.windows[oldest]
