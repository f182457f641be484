"""Golden vectors: probe clips, and what each engine gives for them on the exporting machine."""

from __future__ import annotations

from pathlib import Path

from edge_ser.bundle.golden import write_clip
from edge_ser.bundle.manifest import Golden
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import GateFailed
from edge_ser.runtime.verification import predict_golden, verify_bundle
from firmware_export.probes import GOLDEN_CLIPS, probe_clips
from firmware_export.targets import BACKBONE_TFLITE, FLOAT_ONNX, INT8_ONNX, INT8_TFLITE

CHAIN = (
    ("onnxruntime", FLOAT_ONNX),
    ("onnxruntime", INT8_ONNX),
    ("litert", INT8_TFLITE),
    ("litert", BACKBONE_TFLITE),
)
"""What the golden values come from: engine and artefact."""

_TOLERANCE = {FLOAT_ONNX: 1e-3, INT8_ONNX: 5e-3, INT8_TFLITE: 5e-3, BACKBONE_TFLITE: 1e-3}
"""Kernels of other processors round otherwise: int8 activations differ by a step or two, which
moved no output by more than 1e-3 between LiteRT's kernels. The backbone's golden values come
from the reference kernels, which are the same everywhere; its tolerance is the front-end's."""


def write_golden_clips(folder: Path) -> Golden:
    """Write `golden/NAME.wav`; the expected values come later, from `record`."""
    (folder / "golden").mkdir()
    probes = probe_clips()
    paths = {name: f"golden/{name}.wav" for name in GOLDEN_CLIPS}
    for name, path in paths.items():
        write_clip(folder / path, probes[name])
    return Golden(clips=paths, expected={}, tolerance={})


def record(bundle: Bundle) -> Golden:
    """The golden section with what each engine of `CHAIN` gives here."""
    expected = {
        f"{engine}/{artefact}": predict_golden(bundle, engine, artefact)[0]
        for engine, artefact in CHAIN
    }
    tolerance = {f"{engine}/{artefact}": _TOLERANCE[artefact] for engine, artefact in CHAIN}
    return Golden(bundle.manifest.golden.clips, expected, tolerance)


def check(bundle: Bundle) -> float:
    """Verify a finished bundle on the engines of `CHAIN`.

    Returns:
        Largest absolute difference from the golden values.

    Raises:
        GateFailed: a value outside its tolerance.
    """
    engines = tuple(dict.fromkeys(engine for engine, _ in CHAIN))
    checks = verify_bundle(bundle, engines).checks
    for entry in checks:
        if not entry.passed:
            raise GateFailed(
                f"the finished bundle gives other values than at export: {entry.engine} with "
                f"{entry.artefact} is off by {entry.largest:.5f} on {entry.worst_clip}"
            )
    return max(entry.largest for entry in checks)
