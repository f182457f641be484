"""Band-limited resampling of a stream to the model's rate; its state spans the blocks.

Bit-identical to resampling the whole signal at once, however it is cut into blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.errors import EnvironmentMissing


class StreamResampler:
    """From any rate to 16 kHz, mono.

    Args:
        rate: samples per second of the input.

    Raises:
        EnvironmentMissing: the rate differs from 16 kHz and soxr is not installed.
    """

    def __init__(self, rate: float) -> None:
        self._soxr = None
        if rate == SAMPLE_RATE:
            return
        try:
            import soxr
        except ImportError as error:
            raise EnvironmentMissing(
                f"audio at {rate:g} Hz needs soxr to become {SAMPLE_RATE} Hz",
                "pip install 'edge-ser[audio]'",
            ) from error
        self._soxr = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")

    def push(self, samples: NDArray[np.float32], last: bool = False) -> NDArray[np.float32]:
        """Resample the next block.

        Args:
            samples: (n,) at the input rate; may be empty.
            last: no more will follow, so that the filter's tail comes out.

        Returns:
            (m,) at 16 kHz; a few milliseconds stay inside until later blocks come.
        """
        if self._soxr is None:
            return samples
        resampled: NDArray[np.float32] = self._soxr.resample_chunk(samples, last=last)
        return resampled
