"""The constants around the backbone: window, twiddles, mel bands, log and exp tables, head.

Computed in float64 from the front-end spec and the bundle's tables, rounded once to what the C
engine stores. Knows no C syntax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.manifest import Quantisation
from edge_ser.errors import InputError
from edge_ser.frontend.filterbank import hann, mel_matrix
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.runtime.tables import Head

_WIDEST_EXPONENT = 80.0
"""exp(-80) is still a normal float32, and 1,000,000 frames of exp(0) still add up."""


@dataclass(frozen=True)
class FrontEndTables:
    """Tables of the front-end, float64 unless said otherwise.

    Attributes:
        window: (n_fft,) periodic Hann.
        turns: (n_fft / 2 + 1, 2): cosine and sine of 2 pi k / n_fft.
        bit_reversed: (n_fft / 2,) int order of the butterflies' input.
        mel_first, mel_count: (n_mels,) int, first bin and number of bins of each band.
        mel_weights: flat, band after band.
        codes_per_octave: int8 codes per doubling of the power.
        code_offset: code of power 1, before the zero point.
    """

    window: NDArray[np.float64]
    turns: NDArray[np.float64]
    bit_reversed: NDArray[np.int64]
    mel_first: NDArray[np.int64]
    mel_count: NDArray[np.int64]
    mel_weights: NDArray[np.float64]
    codes_per_octave: float
    code_offset: float


def front_end_tables(spec: FrontEndSpec, code: Quantisation) -> FrontEndTables:
    """Tables of a front-end whose log-mel is stored with `code`.

    Raises:
        InputError: n_fft is not a power of two of 8 to 4096.
    """
    n = spec.n_fft
    if not 8 <= n <= 4_096 or n & (n - 1):
        raise InputError(
            f"the C engine has no FFT of {n} points", "it has powers of two from 8 to 4096"
        )
    angle = 2 * np.pi * np.arange(n // 2 + 1) / n
    mel = mel_matrix(spec)
    first, count, weights = _sparse(mel)
    step = spec.std_db * code.scale
    return FrontEndTables(
        window=hann(n),
        turns=np.stack([np.cos(angle), np.sin(angle)], axis=1),
        bit_reversed=_bit_reversed(n // 2),
        mel_first=first,
        mel_count=count,
        mel_weights=weights,
        codes_per_octave=10 * np.log10(2.0) / step,
        code_offset=-spec.mean_db / step,
    )


def _sparse(
    mel: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """First bin, number of bins and weights of each row; an empty row has none."""
    firsts, counts, weights = [], [], []
    for row in mel:
        bins = np.flatnonzero(row)
        firsts.append(int(bins[0]) if len(bins) else 0)
        counts.append(int(bins[-1] - bins[0] + 1) if len(bins) else 0)
        weights.append(row[firsts[-1] : firsts[-1] + counts[-1]])
    return np.array(firsts), np.array(counts), np.concatenate(weights)


def _bit_reversed(n: int) -> NDArray[np.int64]:
    bits = n.bit_length() - 1
    return np.array([int(f"{index:0{bits}b}"[::-1], 2) for index in range(n)])


def exp_table(scores: Quantisation) -> NDArray[np.float64]:
    """exp of every score code, relative to code 127: (256,), codes -128 to 127.

    Raises:
        InputError: the scores' range is too wide for sums in float32.
    """
    widest = 255 * scores.scale
    if widest > _WIDEST_EXPONENT:
        raise InputError(
            f"the scores span {widest:.0f} units, and the C engine sums exp over "
            f"{_WIDEST_EXPONENT:.0f} at most",
            "calibrate on speech like that of the training data",
        )
    return np.exp((np.arange(-128, 128) - 127) * scores.scale)


def head_rows(head: Head) -> NDArray[np.float64]:
    """(3, width) weights with the features in the backbone's order, bands x channels.

    Products of the second order stay as they are.
    """
    size = head.channels * head.bands
    first = head.weight[:, :size].reshape(3, head.channels, head.bands)
    return np.concatenate(
        [first.transpose(0, 2, 1).reshape(3, size), head.weight[:, size:]], axis=1
    )
