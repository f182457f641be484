"""How well speech is detected in the scenes: frames of speech found, frames of none mistaken.

A frame is speech where the clean voice is within 30 dB of its usual level, and none where it has
been silent for a quarter of a second before and after; what lies between is not counted.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_ser.confidence.scenes import SPEECH_RMS, Scene
from edge_ser.stream.meaning.detector import FRAME_SAMPLES, SpeechDetector
from edge_ser.stream.meaning.track import SPEECH

SNR_EDGES = (-10, 0, 10, 20, 35)
_WITHIN_DB = 30
_APART = 8
"""Frames without voice on either side of a frame that counts as none."""

_BLURRED = "room"
"""Reverberation goes on after the voice: such scenes are not counted."""


class Listening:
    """A detector that remembers what it said since the last reset.

    Args:
        detector: to ask.
    """

    def __init__(self, detector: SpeechDetector) -> None:
        self._detector = detector
        self.name = detector.name
        self.said: list[float] = []

    def probability(self, frame: NDArray[np.float32]) -> float:
        """See `SpeechDetector.probability`."""
        self.said.append(self._detector.probability(frame))
        return self.said[-1]

    def reset(self) -> None:
        """See `SpeechDetector.reset`."""
        self._detector.reset()
        self.said = []


@dataclass
class Detection:
    """Counts, by kind of scene and range of SNR.

    Attributes:
        speech: frames with speech, and those of them that were found.
        other: frames without, and those that were mistaken for it.
    """

    speech: dict[str, NDArray[np.int64]] = field(default_factory=lambda: defaultdict(_none))
    other: dict[str, NDArray[np.int64]] = field(default_factory=lambda: defaultdict(_none))

    def count(self, scene: Scene, said: list[float]) -> None:
        """Add a scene, of which the detector said so much, frame by frame."""
        if scene.kind == _BLURRED:
            return
        positive = np.array(said) >= SPEECH
        frames = scene.voice[: len(said) * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        power = np.square(frames, dtype=np.float64).mean(axis=1)
        speech = power > SPEECH_RMS**2 * 10 ** (-_WITHIN_DB / 10)
        near = np.convolve(power > 0, np.ones(2 * _APART + 1), mode="same") > 0
        for group in _groups(scene):
            self.speech[group] += [speech.sum(), (speech & positive).sum()]
            self.other[group] += [(~near).sum(), (~near & positive).sum()]

    def rates(self) -> dict[str, dict[str, float | int | None]]:
        """Per group: share of speech found, share of the rest mistaken, frames of each."""
        return {
            group: {
                "found": _share(self.speech[group]),
                "speech_frames": int(self.speech[group][0]),
                "mistaken": _share(self.other[group]),
                "other_frames": int(self.other[group][0]),
            }
            for group in sorted(self.speech)
        }


def _groups(scene: Scene) -> list[str]:
    found = [scene.kind]
    if scene.kind == "noise":
        for low, high in itertools.pairwise(SNR_EDGES):
            if low <= scene.snr_db < high:
                found.append(f"noise, {low} to {high} dB")
    return found


def _none() -> NDArray[np.int64]:
    return np.zeros(2, np.int64)


def _share(counts: NDArray[np.int64]) -> float | None:
    return float(counts[1] / counts[0]) if counts[0] else None
