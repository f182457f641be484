"""Golden vectors: does each runtime here still give the values that the exporter saw?

Integrity has been checked by then: a bundle that is open is intact.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_ser.bundle.golden import read_clip
from edge_ser.bundle.golden_key import GoldenKey
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused, EnvironmentMissing, InputError
from edge_ser.runtime.availability import ENGINE_ORDER, available_engines
from edge_ser.runtime.engine import Kernels
from edge_ser.runtime.selection import load_engine, runs

HELD_TO = {"tflite-runtime": "litert", "c": "litert"}
"""tflite-runtime cannot live beside the converters, so no exporter can run it: it is held to
the values of its successor. The C engine computes what LiteRT's reference kernels do."""

OTHER_KERNELS = 2.0
"""Factor on the tolerance then. Their default kernels round as the reference ones do, LiteRT's
(XNNPACK) otherwise: up to 0.0051 apart on digital silence, 0.001 on speech (measured)."""


@dataclass(frozen=True)
class GoldenCheck:
    """One artefact on one engine.

    Attributes:
        engine, version, artefact, kernels: what ran.
        clips: how many.
        largest: largest absolute difference from the golden values over clips and dimensions.
        worst_clip: where.
        tolerance: the manifest's.
    """

    engine: str
    version: str
    artefact: str
    kernels: Kernels
    clips: int
    largest: float
    worst_clip: str
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether every value is within the tolerance; not a number never is."""
        return self.largest <= self.tolerance


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Attributes:
        student, target, version: of the manifest.
        sha256: of the archive, or of the manifest of a folder.
        files, bytes: number and total size of the files whose hashes hold.
        unlisted: files in a folder that the manifest does not list; never loaded.
        checks: golden vectors, one entry per engine and artefact.
        skipped: engine -> why it was not tried.
    """

    student: str
    target: str
    version: str
    sha256: str
    files: int
    bytes: int
    unlisted: tuple[str, ...]
    checks: tuple[GoldenCheck, ...]
    skipped: dict[str, str]

    @property
    def verified(self) -> bool:
        """At least one golden check ran, and all passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a difference that is not a number becomes None."""
        values = asdict(self)
        for entry, check in zip(values["checks"], self.checks, strict=True):
            entry["passed"] = check.passed
            entry["largest"] = check.largest if np.isfinite(check.largest) else None
        return {**values, "verified": self.verified}


def tolerance(bundle: Bundle, engine: str, artefact: str, kernels: Kernels = "default") -> float:
    """Largest allowed difference of an engine's values from those of the exporter.

    Raises:
        BundleRefused: the bundle has no golden values for that engine and artefact.
    """
    key = GoldenKey(HELD_TO.get(engine, engine), artefact, kernels)
    allowed = bundle.manifest.golden.tolerance.get(str(key))
    if allowed is None:
        raise BundleRefused(f"the bundle has no golden values {key}", "export it again")
    return allowed * (OTHER_KERNELS if engine in HELD_TO else 1.0)


def predict_golden(
    bundle: Bundle, engine: str, artefact: str, kernels: Kernels = "default"
) -> tuple[dict[str, tuple[float, float, float]], str]:
    """Values of every golden clip, as the exporter stores them, and the runtime's version.

    Raises:
        EdgeSerError: the engine cannot be loaded, see `load_engine`.
    """
    loaded = load_engine(bundle, engine, artefact, kernels=kernels)
    values = {}
    for clip in sorted(bundle.manifest.golden.clips):
        arousal, dominance, valence = loaded.predict(read_clip(bundle, clip)).tolist()
        values[clip] = (arousal, dominance, valence)
    return values, loaded.version


def verify_bundle(bundle: Bundle, engines: tuple[str, ...] | None = None) -> Verification:
    """Run the golden vectors.

    Args:
        bundle: open, hence intact.
        engines: which must be checked; None means all that are installed.

    Raises:
        InputError: unknown engine.
        EnvironmentMissing: an engine asked for cannot be used, or none is installed.
        BundleRefused: a model is not what the manifest says.
    """
    manifest = bundle.manifest
    checks: list[GoldenCheck] = []
    usable, skipped = _engines(engines)
    for engine in usable:
        keys = _golden_keys(bundle, engine)
        if not keys:
            skipped[engine] = "the bundle has no golden values for it"
        try:
            checks += [_check(bundle, engine, key) for key in keys]
        except EnvironmentMissing as error:
            # Only loading shows whether a compiler can build: an engine nobody named may be left.
            if engine in (engines or ()):
                raise
            skipped[engine] = str(error)
    return Verification(
        student=manifest.name,
        target=manifest.target,
        version=manifest.version,
        sha256=bundle.sha256,
        files=len(manifest.files),
        bytes=sum(entry.bytes for entry in manifest.files.values()),
        unlisted=tuple(bundle.unlisted()),
        checks=tuple(checks),
        skipped=skipped,
    )


def _engines(asked: tuple[str, ...] | None) -> tuple[list[str], dict[str, str]]:
    unknown = sorted(set(asked or ()) - set(ENGINE_ORDER))
    if unknown:
        raise InputError(f"no engine {unknown[0]!r}", f"known engines: {', '.join(ENGINE_ORDER)}")
    found = available_engines()
    missing = {name: status for name, status in found.items() if not status.available}
    for name in asked or ():
        if name in missing:
            status = missing[name]
            raise EnvironmentMissing(f"{name} cannot be checked: {status.reason}", status.hint)
    usable = [name for name in found if name not in missing and name in (asked or ENGINE_ORDER)]
    if not usable:
        raise EnvironmentMissing(
            "the files are intact, but no runtime is installed to run the golden vectors",
            "pip install 'edge-ser[rpi]'; `edge-ser doctor` says more",
        )
    return usable, {name: status.reason for name, status in missing.items()}


def _golden_keys(bundle: Bundle, engine: str) -> list[GoldenKey]:
    """Golden values that an engine is held to."""
    owner = HELD_TO.get(engine, engine)
    keys = sorted(GoldenKey.parse(text) for text in bundle.manifest.golden.expected)
    return [key for key in keys if key.engine == owner and runs(engine, key.artefact)]


def _check(bundle: Bundle, engine: str, key: GoldenKey) -> GoldenCheck:
    values, version = predict_golden(bundle, engine, key.artefact, key.kernels)
    differences = {
        clip: float(np.abs(np.subtract(values[clip], expected)).max())
        for clip, expected in bundle.manifest.golden.expected[str(key)].items()
    }
    # Not a number first: it must not hide behind a finite maximum.
    worst = max(differences, key=lambda clip: (np.isnan(differences[clip]), differences[clip]))
    return GoldenCheck(
        engine=engine,
        version=version,
        artefact=key.artefact,
        kernels=key.kernels,
        clips=len(differences),
        largest=differences[worst],
        worst_clip=worst,
        tolerance=tolerance(bundle, engine, key.artefact, key.kernels),
    )
