"""What is known of a reading when its confidence is judged: of its sound, and what it says.

The same numbers are measured when the confidence is fitted and when it is used; none of them
needs the network's inside, so that every engine will do.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.stream.meaning.track import SNR_RANGE, SoundTrack

SOUND = ("seconds", "rise_db", "level_spread_db")
"""Known without a detector: the window's length, how far it stands above the quietest tenth of
the last minute, and how far the levels of its frames lie apart."""

SPEECH = ("speech_share", "speech_seconds", "speech_probability", "snr_db")
"""Known with a detector only."""

VALUES = ("arousal", "dominance", "valence")
"""What the model says."""

FEATURES = (*SOUND, *SPEECH, *VALUES)

RISING = (*SPEECH, "rise_db")
"""More of these never makes a reading worse; the confidence is fitted under that condition."""


class Window(Protocol):
    """What is needed of an `Analysed`, or of an engine's `Estimate`."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def values(self) -> NDArray[np.float32]: ...


def evidence(window: Window, track: SoundTrack) -> dict[str, float]:
    """Finite numbers by their names in `FEATURES`; those of `SPEECH` only with a detector.

    Args:
        window: a reading; values that are not finite count as 0.
        track: has heard the stream up to the window's end at least.
    """
    start, end = window.start, window.end
    seconds = (end - start) / SAMPLE_RATE
    found = {
        "seconds": seconds,
        "rise_db": _decibels(track.rise_db(start, end)),
        "level_spread_db": track.level_spread_db(start, end),
    }
    share, probability = track.speech_share(start, end), track.speech_probability(start, end)
    if share is not None and probability is not None:
        found |= {
            "speech_share": share,
            "speech_seconds": share * seconds,
            "speech_probability": probability,
            "snr_db": _decibels(track.snr_db(start, end)),
        }
    values = np.nan_to_num(window.values, nan=0.0, posinf=0.0, neginf=0.0)
    return found | dict(zip(VALUES, map(float, values), strict=True))


def _decibels(ratio: float | None) -> float:
    """Nothing stands above the noise where nothing is heard."""
    return SNR_RANGE[0] if ratio is None else ratio
