"""What an engine is, and what it accepts."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.errors import InputError

SHORTEST_SAMPLES = SAMPLE_RATE // 2
"""Clips below half a second hold too little speech to mean anything."""

Kernels = Literal["default", "reference"]
"""TFLite kernels: the fast ones, or the reference ones that TFLite-Micro and C agree with."""


class LoadedModel(Protocol):
    """What every model on a runtime says of itself.

    Attributes:
        name: "litert", "tflite-runtime", "onnxruntime" or "c".
        version: of that runtime.
        artefact: file name of the model inside the bundle.
        kernels: "default" or "reference".
        load_seconds: wall time from bytes to ready.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def artefact(self) -> str: ...

    @property
    def kernels(self) -> Kernels: ...

    @property
    def load_seconds(self) -> float: ...


class Engine(LoadedModel, Protocol):
    """A loaded model that takes clips."""

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Arousal, dominance, valence of one clip.

        Args:
            audio: (samples,) float32, 16 kHz mono, about [-1, 1], 0.5 s or longer.

        Returns:
            (3,) float32, about 0..1, not clipped.

        Raises:
            InputError: of another type or shape, too short, or not finite.
        """
        ...


def check_audio(audio: Any) -> NDArray[np.float32]:
    """The clip itself, contiguous, if an engine may have it.

    Raises:
        InputError: see `Engine.predict`.
    """
    if not isinstance(audio, np.ndarray) or audio.dtype != np.float32:
        kind = audio.dtype if isinstance(audio, np.ndarray) else type(audio).__name__
        raise InputError(
            f"audio is {kind}, not float32", "give a numpy array of float32 in about [-1, 1]"
        )
    if audio.ndim != 1:
        raise InputError(f"audio has shape {audio.shape}", "give one mono clip, shape (samples,)")
    if len(audio) < SHORTEST_SAMPLES:
        raise InputError(
            f"audio of {len(audio)} samples is shorter than 0.5 s",
            f"give at least {SHORTEST_SAMPLES} samples at {SAMPLE_RATE} Hz",
        )
    if not np.isfinite(audio).all():
        raise InputError("audio holds samples that are not finite numbers")
    return np.ascontiguousarray(audio)
