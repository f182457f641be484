"""The sound of the last minute, frame by frame: level, and how probable speech is.

Frames of 32 ms follow each other from where the stream began, however it is cut into chunks. A
stretch [start, end) of the stream is judged by the frames that end within it, so that the answer
does not depend on what else has been heard since.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.stream.capture.level import FLOOR_DBFS, decibels
from edge_ser.stream.meaning.detector import FRAME_SAMPLES, SpeechDetector

KEPT_SECONDS = 65.0
FLOOR_SECONDS = 60.0
"""The noise floor is sought in so much audio."""

SPEECH = 0.5
"""From this probability on a frame counts as speech."""

SNR_RANGE = (-20.0, 60.0)
"""In dB; what lies beyond is not told apart."""

_KEPT_FRAMES = round(KEPT_SECONDS * SAMPLE_RATE / FRAME_SAMPLES)
_PAUSE_FRAMES = 15
"""Frames without speech that say what the noise is; with fewer, the quietest ones do."""

_QUIETEST = 10
"""Percentile of the levels that stands for the noise where nobody pauses."""

_SILENCE = 1e-12
"""Power added to both sides of a ratio: digital silence has a level too (-120 dBFS)."""


class SoundTrack:
    """What was heard of one stream; positions are its samples, from 0.

    Args:
        detector: None leaves speech unknown.

    Attributes:
        detector_name: for people; "" without one.
        speech: probability in the newest frame, 0..1; None before the first, or without detector.
    """

    def __init__(self, detector: SpeechDetector | None) -> None:
        self._detector = detector
        self.detector_name = "" if detector is None else detector.name
        self.speech: float | None = None
        self._position = 0
        self._rest = np.zeros(0, np.float32)
        # Ring buffers; frame number n lies at n % _KEPT_FRAMES.
        self._frames = 0
        self._ends = np.zeros(_KEPT_FRAMES, np.int64)
        self._squares = np.zeros(_KEPT_FRAMES)
        self._variances = np.zeros(_KEPT_FRAMES)
        self._probabilities = np.zeros(_KEPT_FRAMES)

    def feed(self, samples: NDArray[np.float32]) -> None:
        """Hear (n,) samples at 16 kHz, any n; what is not a number counts as silence."""
        clean = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        waiting = np.concatenate([self._rest, np.clip(clean, -1, 1).astype(np.float32)])
        count = len(waiting) // FRAME_SAMPLES
        frames = waiting[: count * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        squares = np.square(frames, dtype=np.float64).mean(axis=1)
        variances = np.maximum(squares - frames.mean(axis=1, dtype=np.float64) ** 2, 0.0)
        for frame, square, variance in zip(frames, squares, variances, strict=True):
            self._hear(frame, square, variance)
        self._rest = waiting[count * FRAME_SAMPLES :]

    def reset(self) -> None:
        """The audio has a gap: what was before is forgotten, positions go on."""
        self._position += len(self._rest)
        self._rest = np.zeros(0, np.float32)
        self._frames = 0
        self.speech = None
        if self._detector is not None:
            self._detector.reset()

    def level_dbfs(self, start: int, end: int) -> float:
        """Level of a stretch: `20 log10(rms)`, -120 for silence and where nothing was heard."""
        chosen = self._within(start, end)
        return decibels(math.sqrt(self._squares[chosen].mean())) if len(chosen) else FLOOR_DBFS

    def level_spread_db(self, start: int, end: int) -> float:
        """How far the frames' levels lie apart: standard deviation in dB; speech has pauses."""
        chosen = self._within(start, end)
        return float(_decibels(self._variances[chosen]).std()) if len(chosen) else 0.0

    def speech_share(self, start: int, end: int) -> float | None:
        """Share of a stretch's frames that are speech, 0..1; None without a detector."""
        if self._detector is None:
            return None
        chosen = self._within(start, end)
        return float((self._probabilities[chosen] >= SPEECH).mean()) if len(chosen) else 0.0

    def speech_probability(self, start: int, end: int) -> float | None:
        """Mean probability of speech over a stretch, 0..1; None without a detector."""
        if self._detector is None:
            return None
        chosen = self._within(start, end)
        return float(self._probabilities[chosen].mean()) if len(chosen) else 0.0

    def snr_db(self, start: int, end: int) -> float | None:
        """How far speech stands above the noise of the last minute, `SNR_RANGE`.

        The power of the stretch's frames with speech, less that of the noise, over that of the
        noise: the median of the frames without speech in the minute up to `end`, or its quietest
        tenth where hardly anybody pauses. Without a detector it is `rise_db`.

        Returns:
            dB; None when there is no speech in the stretch.
        """
        if self._detector is None:
            return self.rise_db(start, end)
        chosen = self._within(start, end)
        chosen = chosen[self._probabilities[chosen] >= SPEECH]
        if len(chosen) == 0:
            return None
        recent = self._last_minute(end)
        pauses = recent[self._probabilities[recent] < SPEECH]
        quiet = len(pauses) < _PAUSE_FRAMES
        noise = self._quietest(recent) if quiet else float(np.median(self._variances[pauses]))
        return _above(float(self._variances[chosen].mean()), noise)

    def rise_db(self, start: int, end: int) -> float | None:
        """How far a stretch stands above the quietest tenth of the last minute, `SNR_RANGE`.

        Returns:
            dB; None where nothing was heard.
        """
        chosen = self._within(start, end)
        if len(chosen) == 0:
            return None
        quiet = self._quietest(self._last_minute(end))
        return _above(float(self._variances[chosen].mean()), quiet)

    def _last_minute(self, end: int) -> NDArray[np.intp]:
        end = min(end, self._position)
        return self._within(end - round(FLOOR_SECONDS * SAMPLE_RATE), end)

    def _quietest(self, chosen: NDArray[np.intp]) -> float:
        return float(np.percentile(self._variances[chosen], _QUIETEST))

    def _hear(self, frame: NDArray[np.float32], square: float, variance: float) -> None:
        self._position += FRAME_SAMPLES
        slot = self._frames % _KEPT_FRAMES
        self._ends[slot] = self._position
        self._squares[slot] = square
        self._variances[slot] = variance
        if self._detector is not None:
            self.speech = min(max(self._detector.probability(frame), 0.0), 1.0)
            self._probabilities[slot] = self.speech
        self._frames += 1

    def _within(self, start: int, end: int) -> NDArray[np.intp]:
        """Slots of the kept frames that end in (start, end]."""
        kept = min(self._frames, _KEPT_FRAMES)
        ends = self._ends[:kept]
        return np.flatnonzero((ends > start) & (ends <= end))


def _above(power: float, noise: float) -> float:
    """What is more than the noise, over the noise, in dB."""
    ratio = 10 * math.log10((max(power - noise, 0.0) + _SILENCE) / (noise + _SILENCE))
    return min(max(ratio, SNR_RANGE[0]), SNR_RANGE[1])


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of (n,) powers, not below -120."""
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, _SILENCE))
    return levels
