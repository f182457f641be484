"""The float pooled head in numpy: what follows the backbone on a host."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.manifest import Quantisation
from edge_ser.runtime.partial import PartialPool
from edge_ser.runtime.tables import Head


def pooled_head(
    values: NDArray[np.floating], scores: NDArray[np.floating], head: Head
) -> NDArray[np.float64]:
    """Softmax of the scores over time weighs the values; the sum goes through one linear.

    Args:
        values, scores: (frames, bands, channels) float, TFLite's layout without its batch.
        head: of the same student.

    Returns:
        (3,) arousal, dominance, valence.
    """
    return apply_head(pool(values, scores).pooled(), head)


def pool(values: NDArray[np.floating], scores: NDArray[np.floating]) -> PartialPool:
    """Partial sums of a stretch of outputs, each (frames, bands, channels) float."""
    return PartialPool.of(_flat(values), _flat(scores))


def pool_quantised(
    values: NDArray[np.int8],
    scores: NDArray[np.int8],
    values_code: Quantisation,
    scores_code: Quantisation,
) -> PartialPool:
    """Partial sums of a stretch of int8 backbone outputs.

    Args:
        values, scores: (frames, bands, channels) int8.
        values_code, scores_code: how to read them.
    """
    return pool(_dequantise(values, values_code), _dequantise(scores, scores_code))


def apply_head(pooled: NDArray[np.float64], head: Head) -> NDArray[np.float64]:
    """(channels * bands,) pooled features -> (3,)."""
    features = pooled
    if head.second_order:
        square = pooled.reshape(head.channels, head.bands)
        features = np.concatenate([pooled, (square @ square.T).ravel()])
    result: NDArray[np.float64] = head.weight @ features + head.bias
    return result


def _flat(outputs: NDArray[np.floating]) -> NDArray[np.floating]:
    """(frames, bands, channels) -> (frames, channels * bands), torch's order of features."""
    return outputs.transpose(0, 2, 1).reshape(len(outputs), -1)


def _dequantise(stored: NDArray[np.int8], code: Quantisation) -> NDArray[np.float32]:
    scale = np.float32(code.scale)
    return (stored.astype(np.float32) - np.float32(code.zero_point)) * scale
