"""Human A/D/V labels of a corpus: read from its manifest, mapped to 0..1, partly missing or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.audio.corpus import Clip
from edge_ser.errors import InputError
from edge_ser.evaluation.discrimination import with_interval
from edge_ser.metrics import ccc, mae, pcc

UNIT = (0.0, 1.0)
FEWEST = 2
"""A correlation needs two clips."""


def labels_of(
    clips: Sequence[Clip], scale: tuple[float, float] = UNIT
) -> NDArray[np.float64] | None:
    """(clips, 3) labels mapped to 0..1, NaN where a clip has none; None when nobody has any.

    Args:
        clips: with manifest columns `arousal`, `dominance`, `valence`, any of them.
        scale: the labels' lowest and highest possible value, e.g. (-1, 1) or (1, 7).

    Raises:
        InputError: a label that is no number, or outside the scale.
    """
    low, high = scale
    if not low < high:
        raise InputError(f"--label-range {low:g} {high:g} is empty", "give the lower end first")
    table = np.array([[_number(clip, name) for name in DIMENSIONS] for clip in clips])
    outside = ~np.isnan(table) & ((table < low) | (table > high))
    if outside.any():
        row, axis = np.argwhere(outside)[0]
        raise InputError(
            f"{clips[row].name}: {DIMENSIONS[axis]} {table[row, axis]:g} is outside "
            f"{low:g} to {high:g}",
            "say what the labels' scale is: --label-range LOW HIGH, e.g. -1 1 or 1 7",
        )
    if np.isnan(table).all():
        return None
    return (table - low) / (high - low)


def _number(clip: Clip, dimension: str) -> float:
    text = clip.fields.get(dimension, "").strip()
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(
            f"{clip.name}: {dimension} {text!r} is not a number",
            "leave the cell empty where there is no label",
        ) from error
    if not math.isfinite(value):
        raise InputError(f"{clip.name}: {dimension} {text!r} is not a finite number")
    return value


def regression(
    predictions: NDArray[np.float32], labels: NDArray[np.float64], speakers: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """CCC with an interval over speakers, PCC and MAE of each labelled dimension.

    Returns:
        dimension -> {"clips", "ccc": {"value", "low", "high"}, "pcc", "mae"}; dimensions with
        fewer than two labelled clips are absent.
    """
    voices = np.array(speakers)
    figures: dict[str, dict[str, Any]] = {}
    for axis, dimension in enumerate(DIMENSIONS):
        known = ~np.isnan(labels[:, axis])
        if known.sum() < FEWEST:
            continue
        truth, ours = labels[known, axis], predictions[known, axis]
        figures[dimension] = {
            "clips": int(known.sum()),
            "ccc": with_interval(partial(_ccc_on, truth, ours), voices[known]),
            "pcc": round(pcc(truth, ours), 4),
            "mae": round(mae(truth, ours), 4),
        }
    return figures


def _ccc_on(truth: NDArray[np.float64], ours: NDArray[np.float32], rows: NDArray[np.intp]) -> float:
    return ccc(truth[rows], ours[rows])
