"""A C engine in this process whose insides can be seen: every row that goes in, every frame out."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.runtime.c import new_engine

_CODES = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int8), ctypes.c_int)
_OUTPUTS = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_int8),
    ctypes.POINTER(ctypes.c_int8),
    ctypes.c_int,
)


@dataclass
class ObservedEngine:
    """One engine, and what has gone through it since `restart`.

    Attributes:
        library: with the public functions declared (`edge_ser.runtime.c.declare`).
        codes: (n_mels,) int8 log-mel rows.
        values, scores: (features,) int8 output frames, bands x channels.
    """

    library: Any
    codes: list[NDArray[np.int8]] = field(default_factory=list)
    values: list[NDArray[np.int8]] = field(default_factory=list)
    scores: list[NDArray[np.int8]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._memory, self.handle = new_engine(self.library)
        self._see_codes = _CODES(self._take_codes)
        self._see_outputs = _OUTPUTS(self._take_outputs)
        observe = self.library.es_set_observer
        observe.restype = None
        observe.argtypes = (ctypes.c_void_p, _CODES, _OUTPUTS, ctypes.c_void_p)
        observe(self.handle, self._see_codes, self._see_outputs, None)

    def _take_codes(self, _: Any, codes: Any, count: int) -> None:
        self.codes.append(np.ctypeslib.as_array(codes, (count,)).copy())

    def _take_outputs(self, _: Any, values: Any, scores: Any, count: int) -> None:
        self.values.append(np.ctypeslib.as_array(values, (count,)).copy())
        self.scores.append(np.ctypeslib.as_array(scores, (count,)).copy())

    def restart(self) -> None:
        """Reset the engine and forget what was seen."""
        self.library.edge_ser_reset(self.handle)
        for seen in (self.codes, self.values, self.scores):
            seen.clear()

    def push(self, pcm: NDArray[np.int16]) -> None:
        """(samples,) int16, any number."""
        pointer = np.ascontiguousarray(pcm).ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        self.library.edge_ser_push(self.handle, pointer, len(pcm))

    def finish(self) -> None:
        """The signal ends."""
        self.library.edge_ser_finish(self.handle)

    def set_level(self, mean: float, variance: float) -> None:
        """A fixed level."""
        self.library.edge_ser_set_level(self.handle, mean, variance)

    def result(self) -> Any:
        """The engine's latest reading."""
        return self.library.edge_ser_get_result(self.handle)

    def adv(self) -> NDArray[np.float32]:
        """(3,) of the latest reading."""
        result = self.result()
        return np.array([result.arousal, result.dominance, result.valence], np.float32)
