"""From what the model computed to what is reported: is it speech, is it sure, is it smooth.

The order matters: too little speech says nothing at all, an unsure window is not reported, and
only what is reported is smoothed and learned as the speaker's baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.stream.meaning.baseline import Baseline
from edge_ser.stream.meaning.smoothing import Smoother
from edge_ser.stream.meaning.track import SoundTrack
from edge_ser.stream.protocols import Analysed
from edge_ser.stream.reading import State


@dataclass(frozen=True)
class Meaning:
    """Of one window; arrays are (3,), arousal, dominance, valence.

    Attributes:
        state: see `Reading.state`.
        values: to be reported; None unless the state is "speech".
        confidence: 0..1; None without parameters for it, or without speech.
        change: against the baseline; None without one.
        speech_share: 0..1; None without a detector.
    """

    state: State
    values: NDArray[np.float32] | None
    confidence: NDArray[np.float64] | None
    change: NDArray[np.float64] | None
    speech_share: float | None


class Judge(Protocol):
    """Says how much the values of a window can be trusted."""

    def of(self, window: Analysed, track: SoundTrack) -> NDArray[np.float64]:
        """(3,) 0..1; `track` has heard the window."""


class Interpreter:
    """Decides, window by window.

    Args:
        track: level and speech of the same stream; the caller feeds it.
        confidence: None computes none.
        min_speech: least share of speech in a window.
        min_confidence: least confidence of every dimension; None never abstains.
        smoother, baseline: None leaves values as they are.
    """

    def __init__(
        self,
        track: SoundTrack,
        confidence: Judge | None = None,
        min_speech: float = 0.0,
        min_confidence: float | None = None,
        smoother: Smoother | None = None,
        baseline: Baseline | None = None,
    ) -> None:
        self.track = track
        self._confidence = confidence
        self._min_speech = min_speech
        self._min_confidence = min_confidence
        self._smoother = smoother
        self._baseline = baseline

    @property
    def knows_confidence(self) -> bool:
        """Whether readings with speech get one."""
        return self._confidence is not None

    def reset(self) -> None:
        """The stream has a gap; the baseline stays, it is the speaker's."""
        self.track.reset()
        if self._smoother is not None:
            self._smoother.reset()

    def read(self, window: Analysed, newest_seconds: float) -> Meaning:
        """Judge a window.

        Args:
            window: analysed.
            newest_seconds: of it that no earlier window has covered.
        """
        share = self.track.speech_share(window.start, window.end)
        if share is not None and share < self._min_speech:
            return Meaning("no speech", None, None, None, share)
        confidence = None
        if self._confidence is not None:
            confidence = self._confidence.of(window, self.track)
        if self._unsure(confidence):
            return Meaning("uncertain", None, confidence, None, share)
        t = window.end / SAMPLE_RATE
        values = window.values
        if self._smoother is not None:
            values = self._smoother.update(t, values)
        change = None
        if self._baseline is not None:
            change = self._baseline.update(values, newest_seconds)
        return Meaning("speech", values, confidence, change, share)

    def _unsure(self, confidence: NDArray[np.float64] | None) -> bool:
        if confidence is None or self._min_confidence is None:
            return False
        return bool((confidence < self._min_confidence).any())
