"""The calibration cache: activation ranges of one checkpoint, and which clips they came from.

It ships beside a checkpoint, so that an export needs no corpus. It is bound to the SHA-256
of the weights and of the front-end spec; a cache of anything else is refused. It holds
float ranges by torch module path and knows no file format of a target.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_ser import __version__
from edge_ser.errors import InputError
from edge_ser.frontend.spec import FrontEndSpec

CACHE_SCHEMA = 1

_REMEDY = (
    "compute it from your own audio: edge-ser export --checkpoint NAME.safetensors "
    "--calibration-audio DIR --write-calibration NAME.calibration.json"
)


@dataclass(frozen=True)
class CalibrationClip:
    """One clip that took part.

    Attributes:
        name: path inside its corpus.
        sha256: hex, of the file's bytes.
        corpus: name of the corpus.
        licence: of the corpus, as its owner states it; "not stated" if nobody said.
        adv: the labeller's arousal, dominance, valence.
    """

    name: str
    sha256: str
    corpus: str
    licence: str
    adv: tuple[float, float, float]


@dataclass(frozen=True)
class CalibrationCache:
    """Activation ranges with their provenance.

    Attributes:
        ranges: torch module path -> (smallest, largest) value of that module's output.
        checkpoint_sha256: hex, of the weights that were observed.
        frontend_sha256: `FrontEndSpec.sha256` of the observed front-end.
        clips: what was observed, in the order of selection.
        method: how the ranges and the clips were chosen.
        seed: of the selection.
        version: of edge-ser.
    """

    ranges: dict[str, tuple[float, float]]
    checkpoint_sha256: str
    frontend_sha256: str
    clips: tuple[CalibrationClip, ...]
    method: str
    seed: int
    version: str = __version__

    def check(self, checkpoint_sha256: str, frontend: FrontEndSpec) -> None:
        """Refuse to serve another checkpoint or front-end than the observed one.

        Raises:
            InputError: the cache is stale.
        """
        if self.checkpoint_sha256 != checkpoint_sha256:
            raise InputError(
                f"the calibration cache is stale: it was made for weights "
                f"{self.checkpoint_sha256[:12]}..., not for {checkpoint_sha256[:12]}...",
                _REMEDY,
            )
        if self.frontend_sha256 != frontend.sha256():
            raise InputError(
                "the calibration cache is stale: it was made for another front-end", _REMEDY
            )

    def to_json(self) -> str:
        """Reproducible text: sorted keys, shortest exact floats."""
        values = {"schema": CACHE_SCHEMA, "kind": "calibration", **asdict(self)}
        return json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def sha256(self) -> str:
        """Hex fingerprint of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the file, or leave the previous one if the process dies."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(self.to_json(), encoding="utf-8")
        partial.replace(path)


def cache_path(weights: Path) -> Path:
    """The cache that belongs to a weights file: `NAME.calibration.json` beside it."""
    return weights.with_suffix(".calibration.json")


def load(path: Path) -> CalibrationCache:
    """Read and validate a cache.

    Raises:
        InputError: missing, damaged, or of another schema.
    """
    if not path.is_file():
        raise InputError(f"no calibration cache {path}", _REMEDY)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is not a calibration cache: {error}", _REMEDY) from error
    if not isinstance(values, dict) or values.get("kind") != "calibration":
        raise InputError(f"{path} is not a calibration cache", _REMEDY)
    if values.get("schema") != CACHE_SCHEMA:
        raise InputError(
            f"{path} has schema {values.get('schema')!r}; this version reads {CACHE_SCHEMA}",
            _REMEDY,
        )
    try:
        return _from_values(values)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error!r}", _REMEDY) from error


def _from_values(values: dict[str, Any]) -> CalibrationCache:
    clips = tuple(
        CalibrationClip(
            str(clip["name"]),
            str(clip["sha256"]),
            str(clip["corpus"]),
            str(clip["licence"]),
            _three(clip["adv"]),
        )
        for clip in values["clips"]
    )
    return CalibrationCache(
        ranges={str(path): _range(path, pair) for path, pair in values["ranges"].items()},
        checkpoint_sha256=str(values["checkpoint_sha256"]),
        frontend_sha256=str(values["frontend_sha256"]),
        clips=clips,
        method=str(values["method"]),
        seed=int(values["seed"]),
        version=str(values["version"]),
    )


def _three(values: Any) -> tuple[float, float, float]:
    arousal, dominance, valence = (float(value) for value in values)
    return arousal, dominance, valence


def _range(path: str, pair: Any) -> tuple[float, float]:
    low, high = (float(value) for value in pair)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"range of {path} is {low}..{high}")
    return low, high
