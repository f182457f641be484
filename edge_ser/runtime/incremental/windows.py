"""Where a stream's windows begin and end: in samples, in log-mel frames, in backbone outputs.

Window k = 1, 2, ... covers the samples [max(0, k * hop - window), k * hop); the first one that is
given has heard a second (or the window, if that is shorter). A log-mel frame belongs to the hop of
samples that completes it, and a backbone output to the first of the frames under its stride, so
that a place in the signal cuts outputs in one way only, also in the middle of a hop or a stride:

    outputs before sample s = ceil((s // frame hop) / stride)

All numbers are Python integers: positions do not drift, however long the stream.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_ser import SAMPLE_RATE
from edge_ser.errors import InputError
from edge_ser.runtime.engine import SHORTEST_SAMPLES

FIRST_SAMPLES = SAMPLE_RATE
"""Samples heard before the first partial window: values of shorter clips are unreliable."""

SHORTEST_WINDOW_SECONDS = SHORTEST_SAMPLES / SAMPLE_RATE
SHORTEST_HOP_SECONDS = 0.05
LONGEST_SECONDS = 60.0


def samples_of(seconds: float) -> int:
    """Whole samples at 16 kHz."""
    return round(seconds * SAMPLE_RATE)


def window_and_hop(window_seconds: float, hop_seconds: float) -> tuple[int, int]:
    """Both in samples.

    Raises:
        InputError: a window not of 0.5 to 60 s, or a hop not of 0.05 to 60 s.
    """
    if not SHORTEST_WINDOW_SECONDS <= window_seconds <= LONGEST_SECONDS:
        raise InputError(
            f"a window of {window_seconds:g} s is not supported", "use 0.5 to 60 seconds"
        )
    if not SHORTEST_HOP_SECONDS <= hop_seconds <= LONGEST_SECONDS:
        raise InputError(f"a hop of {hop_seconds:g} s is not supported", "use 0.05 to 60 seconds")
    return samples_of(window_seconds), samples_of(hop_seconds)


@dataclass(frozen=True)
class Windows:
    """The grid of one stream.

    Attributes:
        window, hop: samples.
        frame: samples per log-mel frame.
        stride: log-mel frames per backbone output.
    """

    window: int
    hop: int
    frame: int
    stride: int

    @classmethod
    def of(cls, window_seconds: float, hop_seconds: float, frame: int, stride: int) -> Windows:
        """From seconds; errors as of `window_and_hop`."""
        return cls(*window_and_hop(window_seconds, hop_seconds), frame, stride)

    @property
    def first(self) -> int:
        """The first window that is given."""
        return -(-min(self.window, FIRST_SAMPLES) // self.hop)

    @property
    def stretches(self) -> int:
        """Stretches between neighbouring cuts that make a window; see `cuts`."""
        whole = self.window // self.hop
        return 2 * whole + 1 if self.window % self.hop else whole

    @property
    def most_outputs(self) -> int:
        """Backbone outputs that a hop can add."""
        return max(self._added(k) for k in range(1, 2 * self.frame * self.stride + 1))

    def outputs(self, samples: int) -> int:
        """Backbone outputs that stand before a sample."""
        return -(-(samples // self.frame) // self.stride)

    def end(self, k: int) -> int:
        """Sample at which window k ends."""
        return k * self.hop

    def cuts(self, k: int) -> tuple[int, ...]:
        """Samples in (end(k - 1), end(k)] where a stretch ends: the hop itself, and where a later
        window starts if the window is no multiple of the hop."""
        end = self.end(k)
        left = self.window % self.hop
        return (end - left, end) if left else (end,)

    def _added(self, k: int) -> int:
        return self.outputs(self.end(k)) - self.outputs(self.end(k - 1))
