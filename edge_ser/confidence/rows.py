"""Readings of scenes, made as a stream makes them, beside what they should have been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser.confidence.scenes import Scene
from edge_ser.runtime.incremental import IncrementalEngine
from edge_ser.stream.meaning.detector import SpeechDetector
from edge_ser.stream.meaning.evidence import FEATURES, Window, evidence
from edge_ser.stream.meaning.track import SoundTrack

READINGS_PER_SCENE = 4
HEARD_SECONDS = 0.25
"""With less of a clip than this in the window, nobody has spoken."""


@dataclass(frozen=True)
class Row:
    """One reading.

    Attributes:
        known: evidence by name, with a detector.
        alone: the same without one.
        signed: (3,) reading minus what the teacher says of the clean clips; NaN if nobody spoke.
        fold: which share of the speakers and of the noises it is made of.
        scene: its number.
        kind, corpus: of the scene.
    """

    known: dict[str, float]
    alone: dict[str, float]
    signed: NDArray[np.float64]
    fold: int
    scene: int
    kind: str
    corpus: str


@dataclass(frozen=True)
class Rows:
    """Many of them.

    Attributes:
        known: (rows, len(FEATURES)) with a detector.
        alone: the same without one; NaN what takes a detector.
        signed: (rows, 3), NaN rows where nobody spoke.
        fold, scene, kind, corpus: (rows,).
    """

    known: NDArray[np.float64]
    alone: NDArray[np.float64]
    signed: NDArray[np.float64]
    fold: NDArray[np.int64]
    scene: NDArray[np.int64]
    kind: NDArray[np.str_]
    corpus: NDArray[np.str_]

    @classmethod
    def of(cls, rows: list[Row]) -> Rows:
        """Stack."""
        return cls(
            _table([row.known for row in rows]),
            _table([row.alone for row in rows]),
            np.array([row.signed for row in rows]),
            np.array([row.fold for row in rows]),
            np.array([row.scene for row in rows]),
            np.array([row.kind for row in rows]),
            np.array([row.corpus for row in rows]),
        )

    def where(self, chosen: NDArray[np.bool_]) -> Rows:
        """Those rows only."""
        return Rows(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def column(self, feature: str) -> NDArray[np.float64]:
        """(rows,) of one evidence."""
        return self.known[:, FEATURES.index(feature)]

    @property
    def errors(self) -> NDArray[np.float64]:
        """(rows, 3) absolute."""
        return np.abs(self.signed)

    @property
    def spoken(self) -> NDArray[np.bool_]:
        """(rows,) whether there is a truth."""
        return np.isfinite(self.signed[:, 0])

    def right(self, tolerance: float) -> NDArray[np.bool_]:
        """(rows, 3) within the tolerance; where nobody spoke, nothing is right."""
        return self.errors < tolerance

    def __len__(self) -> int:
        return len(self.fold)


def _table(known: list[dict[str, float]]) -> NDArray[np.float64]:
    return np.array([[one.get(name, np.nan) for name in FEATURES] for one in known])


def readings(
    scene: Scene,
    number: int,
    fold: int,
    engine: IncrementalEngine,
    detector: SpeechDetector,
    random: Generator,
) -> Iterator[Row]:
    """A few of a scene's windows, drawn at random: short ones at its beginning too."""
    engine.reset()
    detector.reset()
    windows = [*engine.push(scene.audio), *engine.finish()]
    known, alone = SoundTrack(detector), SoundTrack(None)
    known.feed(scene.audio)
    alone.feed(scene.audio)
    count = min(READINGS_PER_SCENE, len(windows))
    for index in sorted(random.choice(len(windows), count, replace=False)):
        window = windows[index]
        yield Row(
            evidence(window, known),
            evidence(window, alone),
            _off(scene, window),
            fold,
            number,
            scene.kind,
            scene.corpus,
        )


def _off(scene: Scene, window: Window) -> NDArray[np.float64]:
    truth, heard = scene.truth(window.start, window.end)
    if heard < HEARD_SECONDS:
        return np.full(3, np.nan)
    off: NDArray[np.float64] = window.values.astype(np.float64) - truth
    return off
