"""Raw samples as float32: what a pipe, a datagram or a WebSocket message holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.options import PcmFormat, PcmInput

BYTES: dict[PcmFormat, int] = {"s16le": 2, "s16be": 2, "s24le": 3, "s32le": 4, "f32le": 4}
"""Of one sample."""

LOUDEST = 16.0
"""Floats beyond it (24 dB over full scale) are no audio: another format was sent, or noise."""


class PcmDecoder:
    """Turns bytes, however they are cut, into frames.

    Args:
        samples: how they are to be understood.
        counters: `invalid` rises with every float that is not finite or absurdly large (it
            becomes 0), and with a frame that is torn at the end.
    """

    def __init__(self, samples: PcmInput, counters: CaptureCounters) -> None:
        self._format = samples.format
        self._channels = samples.channels
        self._frame_bytes = samples.channels * BYTES[samples.format]
        self._counters = counters
        self._rest = b""

    def feed(self, data: bytes) -> NDArray[np.float32]:
        """All frames that are complete, (n, channels) float32, full scale 1.0."""
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        samples = _as_float(data[:whole], self._format)
        if self._format == "f32le":
            samples = self._without_nonsense(samples)
        return samples.reshape(-1, self._channels)

    def finish(self) -> None:
        """No byte follows: what is left of a frame is forgotten, and counted."""
        self._counters.invalid += bool(self._rest)
        self._rest = b""

    def _without_nonsense(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        nonsense = ~(np.abs(samples) <= LOUDEST)  # also true of NaN
        self._counters.invalid += int(np.count_nonzero(nonsense))
        return np.where(nonsense, np.float32(0), samples)


def _as_float(data: bytes, sample_format: PcmFormat) -> NDArray[np.float32]:
    """(samples,) of whole samples."""
    if sample_format == "f32le":
        return np.frombuffer(data, "<f4").astype(np.float32)
    if sample_format == "s24le":
        # The three bytes become the upper ones of 32 bits, which keeps the sign.
        wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    if sample_format == "s32le":
        return np.frombuffer(data, "<i4").astype(np.float32) / np.float32(2**31)
    integers = np.frombuffer(data, "<i2" if sample_format == "s16le" else ">i2")
    return integers.astype(np.float32) / np.float32(2**15)
