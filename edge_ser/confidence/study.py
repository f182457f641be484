"""The figures of a fit: candidates, risk against coverage, calibration, what a stream would show.

All of them are of readings that the fit has not seen: each fold is judged by a fit to the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.confidence.fitting import fit
from edge_ser.confidence.judging import bins, brier, calibration_error, coverage, gain, held_out
from edge_ser.confidence.rows import Rows
from edge_ser.confidence.scenes import KINDS
from edge_ser.stream.meaning.evidence import FEATURES, SOUND, SPEECH, VALUES

MIN_SPEECH = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
MIN_CONFIDENCE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
OTHERS_SPEAK = ("babble", "two speakers", "babble only")
"""Kinds in which speech is heard also where the wanted speaker is silent."""

SHARES = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""Of readings kept, for the curves in the report."""

CHOSEN = "sound, speech and values"
ALONE = "sound and values (no detector)"

CANDIDATES: Mapping[str, tuple[Sequence[str], bool]] = {
    "level spread alone": (["level_spread_db"], True),
    "window length alone": (["seconds"], True),
    "height above the floor alone": (["rise_db"], True),
    "SNR alone": (["snr_db"], True),
    "speech share alone": (["speech_share"], True),
    "speech share and SNR": (["speech_share", "snr_db"], True),
    "values alone": (VALUES, True),
    "sound and speech": ((*SOUND, *SPEECH), True),
    ALONE: ((*SOUND, *VALUES), True),
    CHOSEN: (FEATURES, True),
    "the same, curves may fall": (FEATURES, False),
}
"""Name -> evidence, and whether curves of rising evidence are held from falling."""


def candidates(rows: Rows, tolerance: float) -> dict[str, NDArray[np.float64]]:
    """Held-out confidences of every candidate: name -> (rows, 3)."""
    found = {}
    for name, (features, held) in CANDIDATES.items():
        known = rows.alone if name == ALONE else rows.known
        fitted = (
            partial(fit, features=features) if held else partial(fit, features=features, rising=())
        )
        found[name] = held_out(rows, known, fitted, tolerance)
    return found


def compare(
    rows: Rows, found: Mapping[str, NDArray[np.float64]], tolerance: float
) -> dict[str, Any]:
    """Per candidate and dimension AURC, gain and Brier score, where somebody spoke."""
    spoken, right = rows.spoken, rows.right(tolerance)
    errors = rows.errors[spoken]
    table: dict[str, Any] = {
        "chance": {d: {"aurc": float(errors[:, i].mean())} for i, d in enumerate(DIMENSIONS)},
        "oracle": {
            d: {"aurc": coverage(-errors[:, i], errors[:, i]).area}
            for i, d in enumerate(DIMENSIONS)
        },
    }
    for name, confidence in found.items():
        table[name] = {
            d: {
                "aurc": coverage(confidence[spoken, i], errors[:, i]).area,
                "gain": gain(confidence[spoken, i], errors[:, i]),
                "brier": brier(confidence[spoken, i], right[spoken, i]),
            }
            for i, d in enumerate(DIMENSIONS)
        }
    return table


def judge(rows: Rows, confidence: NDArray[np.float64], tolerance: float) -> dict[str, Any]:
    """Everything about one set of confidences, where somebody spoke.

    Args:
        rows: readings.
        confidence: (rows, 3) of them.
        tolerance: of what is right.
    """
    spoken = rows.spoken
    errors, right, sure = rows.errors[spoken], rows.right(tolerance)[spoken], confidence[spoken]
    result: dict[str, Any] = {"readings": int(spoken.sum()), "dimensions": {}}
    for index, dimension in enumerate(DIMENSIONS):
        error, inside, own = errors[:, index], right[:, index], sure[:, index]
        curve, oracle = coverage(own, error), coverage(-error, error)
        parts = bins(own, inside, error)
        base = float(inside.mean())
        result["dimensions"][dimension] = {
            "mae": float(error.mean()),
            "right": base,
            "aurc": curve.area,
            "aurc_oracle": oracle.area,
            "gain": gain(own, error),
            "brier": brier(own, inside),
            "brier_constant": base * (1 - base),
            "ece": calibration_error(parts),
            "risk": {str(share): curve.at(share) for share in SHARES},
            "risk_oracle": {str(share): oracle.at(share) for share in SHARES},
            "bins": [vars(part) for part in parts],
        }
    return result


def by_min_speech(rows: Rows) -> list[dict[str, float]]:
    """What a threshold of the speech share lets through, and how wrong that is."""
    share, spoken = rows.column("speech_share"), rows.spoken
    nobody = ~spoken & ~np.isin(rows.kind, OTHERS_SPEAK)
    table = []
    for least in MIN_SPEECH:
        kept = share >= least
        table.append(
            {
                "min_speech": least,
                "kept_spoken": _share(kept[spoken]),
                "kept_nobody": _share(kept[nobody]),
                **_mae(rows, kept & spoken),
            }
        )
    return table


def by_min_confidence(
    rows: Rows, confidence: NDArray[np.float64], tolerance: float, min_speech: float
) -> list[dict[str, float]]:
    """What abstaining costs and brings, among the windows with enough speech."""
    enough = rows.column("speech_share") >= min_speech
    heard = enough & rows.spoken
    right = rows.right(tolerance)
    table = []
    for least in MIN_CONFIDENCE:
        kept = heard & (confidence >= least).all(axis=1)
        table.append(
            {
                "min_confidence": least,
                "kept": float(kept.sum() / max(1, heard.sum())),
                "all_right": float(right[kept].all(axis=1).mean()) if kept.any() else float("nan"),
                **_mae(rows, kept),
            }
        )
    return table


def by_kind(
    rows: Rows, confidence: NDArray[np.float64], min_speech: float, min_confidence: float
) -> dict[str, dict[str, float | int]]:
    """What a stream with these settings shows of each kind of scene."""
    enough = rows.column("speech_share") >= min_speech
    sure = (confidence >= min_confidence).all(axis=1)
    short = rows.spoken & (rows.column("seconds") < 2) & (rows.kind == "clean")
    groups = {kind: rows.kind == kind for kind in KINDS} | {"clean, window under 2 s": short}
    table: dict[str, dict[str, float | int]] = {}
    for name, group in groups.items():
        if not group.any():
            continue
        shown = group & enough & sure & rows.spoken
        table[name] = {
            "readings": int(group.sum()),
            "no_speech": float((~enough)[group].mean()),
            "uncertain": float((enough & ~sure)[group].mean()),
            "speech": float((enough & sure)[group].mean()),
            **{
                f"{d}_confidence": float(confidence[group & enough, i].mean())
                if (group & enough).any()
                else float("nan")
                for i, d in enumerate(DIMENSIONS)
            },
            **_mae(rows, shown),
        }
    return table


def _share(chosen: NDArray[np.bool_]) -> float:
    return float(chosen.mean()) if len(chosen) else float("nan")


def _mae(rows: Rows, kept: NDArray[np.bool_]) -> dict[str, float]:
    chosen = rows.errors[kept]
    return {
        f"{d}_mae": float(chosen[:, i].mean()) if len(chosen) else float("nan")
        for i, d in enumerate(DIMENSIONS)
    }
