"""From levelled frames to rows of log-mel: steps 3 to 6 of `edge_ser.frontend.spec`, in numpy.

Each row depends on its own frame alone, to the last bit: sums have a fixed order, where a matrix
product rounds differently with the number of its rows. So a stream's rows are an offline pass's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge_ser.frontend.filterbank import hann, mel_matrix
from edge_ser.frontend.spec import FrontEndSpec


@dataclass(frozen=True)
class _Bands:
    """The triangular bands without the zeros that fill their matrix.

    The first bin of each band comes first, then the second of each, and so on.

    Attributes:
        bins, weights: (terms,) and (terms, 1); a band that has no bin at some place has weight 0.
        places: of each place, the slice of terms and the lowest band that has a bin there.
    """

    bins: NDArray[np.intp]
    weights: NDArray[np.float64]
    places: tuple[tuple[slice, int], ...]


@lru_cache(maxsize=8)
def _window(spec: FrontEndSpec) -> NDArray[np.float64]:
    return hann(spec.n_fft)


@lru_cache(maxsize=8)
def _bands(spec: FrontEndSpec) -> _Bands:
    mel = mel_matrix(spec)
    filled = [np.flatnonzero(row) for row in mel]
    bins: list[int] = []
    weights: list[float] = []
    places = []
    for place in range(max(map(len, filled))):
        lowest = min(band for band, found in enumerate(filled) if len(found) > place)
        start = len(bins)
        for band in range(lowest, spec.n_mels):
            present = len(filled[band]) > place
            bins.append(int(filled[band][place]) if present else 0)
            weights.append(float(mel[band, bins[-1]]) if present else 0.0)
        places.append((slice(start, len(bins)), lowest))
    return _Bands(np.array(bins, np.intp), np.array(weights)[:, None], tuple(places))


def normalised_decibel(framed: NDArray[np.float64], spec: FrontEndSpec) -> NDArray[np.float64]:
    """Rows of log-mel, (frames, n_mels), about [-2.5, 3].

    Args:
        framed: (frames, n_fft) levelled samples; overwritten.
        spec: the front-end.
    """
    framed *= _window(spec)
    spectrum = np.fft.rfft(framed, axis=1)
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    bands = _bands(spec)
    # Bins first: what follows then reads and writes one run of neighbours per band.
    terms = np.ascontiguousarray(power.T)[bands.bins]
    terms *= bands.weights
    energies = np.zeros((spec.n_mels, len(framed)))
    for part, lowest in bands.places:
        energies[lowest:] += terms[part]
    np.maximum(energies, spec.log_floor, out=energies)
    np.log10(energies, out=energies)
    energies *= 10
    energies -= spec.mean_db
    energies /= spec.std_db
    return energies.T
