"""Weights, cards, calibration caches and the default bundle that ship with the package."""

from __future__ import annotations

from pathlib import Path

from edge_ser.errors import EnvironmentMissing

_FOLDER = Path(__file__).parent


def shipped(name: str) -> Path:
    """Path of a shipped file or folder, e.g. `wav2small.safetensors` or `bundle`.

    Raises:
        EnvironmentMissing: this installation lacks it.
    """
    path = _FOLDER / name
    if not path.exists():
        raise EnvironmentMissing(
            f"this installation has no {name}", "reinstall edge-ser, or name a file of your own"
        )
    return path
