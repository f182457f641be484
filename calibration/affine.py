"""From a float range to the affine 8-bit code `real = scale * (code - zero_point)`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Affine(NamedTuple):
    """Parameters of an unsigned 8-bit code; a signed one has `zero_point - 128`.

    Attributes:
        scale: real value of one step, a float32 value.
        zero_point: code of 0.0, in 0..255.
    """

    scale: float
    zero_point: int


def affine(low: float, high: float) -> Affine:
    """The code that spans [low, high] widened to hold 0, which must be exact (padding is 0).

    Examples:
        >>> affine(-1.0, 254.0)
        Affine(scale=1.0, zero_point=1)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255.0))
    return Affine(scale, int(np.clip(round(-low / scale), 0, 255)))
