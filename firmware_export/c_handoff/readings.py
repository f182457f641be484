"""What the engine of a hand-off says of a sound: computed here, and the same bits anywhere."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.runtime.c import declare, new_engine, to_pcm
from edge_ser.runtime.c_compiler import build_library

STEP = SAMPLE_RATE // 100
"""Samples that the demo and edge-ser-live push at a time."""


@dataclass(frozen=True)
class TimedReading:
    """One reading.

    Attributes:
        seconds: of sound pushed before it.
        adv: arousal, dominance, valence as float32.
    """

    seconds: float
    adv: tuple[float, float, float]


class HostEngine:
    """The hand-off's engine, built for this machine."""

    def __init__(self, folder: Path, files: Sequence[Path]) -> None:
        """Build it.

        Args:
            folder: of the hand-off.
            files: C files of the library, relative to it.

        Raises:
            EnvironmentMissing: no C compiler for this machine.
        """
        self._library = declare(ctypes.CDLL(str(build_library(folder, files))))
        self._memory, self._engine = new_engine(self._library)

    def listen(self, pcm: NDArray[np.int16]) -> list[TimedReading]:
        """All readings of a sound, the one at its end included, from a fresh engine."""
        self._library.edge_ser_reset(self._engine)
        readings: list[TimedReading] = []
        blocks = 0
        for start in range(0, len(pcm), STEP):
            step = np.ascontiguousarray(pcm[start : start + STEP])
            samples = step.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
            self._library.edge_ser_push(self._engine, samples, len(step))
            blocks = self._add(readings, blocks, start + len(step))
        self._library.edge_ser_finish(self._engine)
        self._add(readings, blocks, len(pcm))
        return readings

    def _add(self, readings: list[TimedReading], blocks: int, samples: int) -> int:
        now: Any = self._library.edge_ser_get_result(self._engine)
        if now.ready and now.blocks != blocks:
            adv = (now.arousal, now.dominance, now.valence)
            readings.append(TimedReading(samples / SAMPLE_RATE, adv))
        return int(now.blocks)


def golden_readings(bundle: Bundle, engine: HostEngine) -> dict[str, tuple[float, float, float]]:
    """The last reading of each golden clip."""
    clips = sorted(bundle.manifest.golden.clips)
    return {name: engine.listen(to_pcm(read_clip(bundle, name)))[-1].adv for name in clips}
