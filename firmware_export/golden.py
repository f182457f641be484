"""Golden vectors: probe clips, and what each engine gives for them on the exporting machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_ser.bundle.golden import read_clip, write_clip
from edge_ser.bundle.manifest import Golden
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import GateFailed
from edge_ser.runtime import Engine, load_engine
from firmware_export.probes import GOLDEN_CLIPS, probe_clips
from firmware_export.targets import BACKBONE_TFLITE, FLOAT_ONNX, INT8_ONNX, INT8_TFLITE

CHAIN = (
    ("onnxruntime", FLOAT_ONNX),
    ("onnxruntime", INT8_ONNX),
    ("litert", INT8_TFLITE),
    ("litert", BACKBONE_TFLITE),
)
"""Engine and artefact, in the order of the drift report."""

FLOAT_TOLERANCE = 1e-3
INT8_TOLERANCE = 5e-3
"""Kernels of other processors round otherwise: int8 activations differ by one or two steps,
which moved no output by more than a tenth of this between LiteRT's kernels."""


def write_golden_clips(folder: Path) -> Golden:
    """Write `golden/NAME.wav`; the expected values come later, from `record`."""
    (folder / "golden").mkdir()
    probes = probe_clips()
    paths = {name: f"golden/{name}.wav" for name in GOLDEN_CLIPS}
    for name, path in paths.items():
        write_clip(folder / path, probes[name])
    return Golden(clips=paths, expected={}, tolerance={})


def load_chain(bundle: Bundle) -> dict[str, Engine]:
    """Every engine of `CHAIN`, by "ENGINE/ARTEFACT", one thread each."""
    return {
        f"{engine}/{artefact}": load_engine(bundle, engine, artefact) for engine, artefact in CHAIN
    }


def record(bundle: Bundle, engines: dict[str, Engine]) -> Golden:
    """The golden section with what the engines give here.

    tflite-runtime cannot share an environment with the converters; it runs the same files
    with older kernels of the same arithmetic and is held to LiteRT's values.
    """
    golden = bundle.manifest.golden
    expected = {
        key: {name: _predict(engine, bundle, name) for name in golden.clips}
        for key, engine in engines.items()
    }
    for key in [key for key in expected if key.startswith("litert/")]:
        expected[key.replace("litert/", "tflite-runtime/")] = expected[key]
    tolerance = {
        key: FLOAT_TOLERANCE if key.endswith(FLOAT_ONNX) else INT8_TOLERANCE for key in expected
    }
    return Golden(golden.clips, expected, tolerance)


def check(bundle: Bundle) -> float:
    """Run every engine of `CHAIN` on the golden clips of a finished bundle.

    Returns:
        Largest absolute difference from the expected values.

    Raises:
        GateFailed: a value outside its tolerance.
    """
    golden = bundle.manifest.golden
    worst = 0.0
    for key, engine in load_chain(bundle).items():
        for name, values in golden.expected[key].items():
            error = float(np.abs(np.subtract(_predict(engine, bundle, name), values)).max())
            worst = max(worst, error)
            if not error <= golden.tolerance[key]:
                raise GateFailed(
                    f"the finished bundle gives other values than at export: "
                    f"{key} on {name} is off by {error:.5f}"
                )
    return worst


def _predict(engine: Engine, bundle: Bundle, clip: str) -> tuple[float, float, float]:
    arousal, dominance, valence = (float(x) for x in engine.predict(read_clip(bundle, clip)))
    return arousal, dominance, valence
