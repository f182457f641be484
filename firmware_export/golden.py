"""Golden vectors: probe clips, and what each engine gives for them on the exporting machine."""

from __future__ import annotations

from pathlib import Path

from edge_ser.bundle.golden import write_clip
from edge_ser.bundle.golden_key import GoldenKey
from edge_ser.bundle.manifest import Golden
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import GateFailed
from edge_ser.runtime.verification import predict_golden, verify_bundle
from firmware_export.probes import GOLDEN_CLIPS, probe_clips
from firmware_export.targets import (
    BACKBONE_ONNX,
    BACKBONE_TFLITE,
    FLOAT_ONNX,
    INT8_ONNX,
    INT8_TFLITE,
)

_TOLERANCE = {
    GoldenKey("onnxruntime", FLOAT_ONNX): 1e-3,
    GoldenKey("onnxruntime", INT8_ONNX): 5e-3,
    GoldenKey("onnxruntime", BACKBONE_ONNX): 5e-3,
    GoldenKey("litert", INT8_TFLITE): 5e-3,
    GoldenKey("litert", BACKBONE_TFLITE): 5e-3,
    GoldenKey("litert", BACKBONE_TFLITE, "reference"): 1e-3,
}
"""What the golden values come from, and how far another machine's may be from them.

Kernels of other processors round otherwise: int8 activations differ by a step or two, which
moved no output by more than 1e-3 between LiteRT's kernels. The backbone runs with the default
kernels, as in a stream, and with the reference ones, which are the same everywhere: there the
tolerance is the front-end's."""


_CUT_TOLERANCE = 2e-3
"""Both have the same int8 network; their front-ends round differently, float32 and float64."""


def write_golden_clips(folder: Path) -> Golden:
    """Write `golden/NAME.wav`; the expected values come later, from `record`."""
    (folder / "golden").mkdir()
    probes = probe_clips()
    paths = {name: f"golden/{name}.wav" for name in GOLDEN_CLIPS}
    for name, path in paths.items():
        write_clip(folder / path, probes[name])
    return Golden(clips=paths, expected={}, tolerance={})


def record(bundle: Bundle) -> Golden:
    """The golden section with what each engine gives here."""
    keys = [key for key in _TOLERANCE if key.artefact in bundle.manifest.models]
    expected = {
        str(key): predict_golden(bundle, key.engine, key.artefact, key.kernels)[0] for key in keys
    }
    tolerance = {str(key): _TOLERANCE[key] for key in keys}
    if BACKBONE_ONNX in bundle.manifest.models:
        _check_cut(expected)
    return Golden(bundle.manifest.golden.clips, expected, tolerance)


def _check_cut(expected: dict[str, dict[str, tuple[float, float, float]]]) -> None:
    """The ONNX backbone between the host's front-end and head is the model it was cut from."""
    whole, cut = (
        expected[str(GoldenKey("onnxruntime", artefact))] for artefact in (INT8_ONNX, BACKBONE_ONNX)
    )
    apart = max(abs(a - b) for clip in whole for a, b in zip(whole[clip], cut[clip], strict=True))
    if not apart <= _CUT_TOLERANCE:
        raise GateFailed(
            f"{BACKBONE_ONNX} and {INT8_ONNX} differ by {apart:.5f} in a golden value",
            "install the tested converter versions: pip install -c constraints.txt",
        )


def check(bundle: Bundle) -> float:
    """Verify a finished bundle on the engines that its golden values come from.

    Returns:
        Largest absolute difference from the golden values.

    Raises:
        GateFailed: a value outside its tolerance.
    """
    engines = tuple(dict.fromkeys(key.engine for key in _TOLERANCE))
    checks = verify_bundle(bundle, engines).checks
    for entry in checks:
        if not entry.passed:
            raise GateFailed(
                f"the finished bundle gives other values than at export: {entry.engine} with "
                f"{entry.artefact} is off by {entry.largest:.5f} on {entry.worst_clip}"
            )
    return max(entry.largest for entry in checks)
