"""Robustness of several folds in one measurement: a clip is answered by its own fold's models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_ser.audio.corpus import Clip
from edge_ser.drift.measure import DriftClip
from edge_ser.evaluation.predictors import Predictor
from edge_ser.evaluation.scoring import Part


@dataclass
class PartsInTurn:
    """The clips of all parts, one at a time, and predictors that know whose turn it is.

    The measurement asks its predictors about one clip before it takes the next one.

    Attributes:
        parts: clips and predictors.
        read: a clip's audio.
    """

    parts: Sequence[Part]
    read: Callable[[Clip], NDArray[np.float32]]
    _turn: Part | None = field(default=None, init=False)

    def __len__(self) -> int:
        return sum(len(part.clips) for part in self.parts)

    def __iter__(self) -> Iterator[DriftClip]:
        for part in self.parts:
            self._turn = part
            for clip in part.clips:
                yield DriftClip(f"{clip.corpus}/{clip.name}", self.read(clip))

    def predictors(self) -> dict[str, Predictor]:
        """Role -> what answers for it at the moment."""
        return {role: self._asking(role) for role in self.parts[0].predictors}

    def _asking(self, role: str) -> Predictor:
        def predict(audio: NDArray[np.float32]) -> NDArray[np.float32]:
            assert self._turn is not None, "no clip is under way"
            return self._turn.predictors[role](audio)

        return predict
