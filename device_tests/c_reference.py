"""What a device must answer: the C engine's plain kernels here, held against TFLite's own.

The int8 outputs come from TFLite's reference kernels, run on the rows that the C front-end made
here; the rows and the float results come from the plain build. So a device that agrees has the
front-end of this machine and the backbone of TFLite, to the bit.
"""

from __future__ import annotations

import ctypes
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_tests.observed_engine import ObservedEngine
from device_tests.probe import Reading
from device_tests.vectors import Vector
from edge_ser.bundle import Bundle
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime import load_engine
from edge_ser.runtime.c import declare
from edge_ser.runtime.c_compiler import build_library
from edge_ser.runtime.host import BACKBONE, HostEngine
from firmware_export.c_engine import SourceOptions, write_sources


@dataclass(frozen=True)
class Expected:
    """A vector, and what a device must answer at its end."""

    vector: Vector
    reading: Reading


def expect(bundle: Bundle, options: SourceOptions, vectors: Iterable[Vector]) -> list[Expected]:
    """The answers for one way of building the engine.

    Args:
        bundle: open.
        options: window and front-end decide the answers, the layout does not.
        vectors: to answer.

    Raises:
        EnvironmentMissing: no C compiler or no TFLite runtime here.
        GateFailed: the C engine and TFLite's reference kernels differ on this machine.
    """
    reference = load_engine(bundle, "litert", BACKBONE, kernels="reference")
    if not isinstance(reference, HostEngine):
        raise InputError(f"{reference.name} has no reference kernels", "install ai-edge-litert")
    engine = plain_engine(bundle, options)
    return [Expected(vector, _answer(engine, reference, vector)) for vector in vectors]


def plain_engine(bundle: Bundle, options: SourceOptions) -> ObservedEngine:
    """The engine with plain kernels, in this process."""
    with tempfile.TemporaryDirectory(prefix="edge-ser-c-") as scratch:
        files = write_sources(bundle, Path(scratch), options)
        library = build_library(Path(scratch), files, ["-DES_KERNEL_PLAIN"])
        return ObservedEngine(declare(ctypes.CDLL(str(library))))


def _answer(engine: ObservedEngine, reference: HostEngine, vector: Vector) -> Reading:
    engine.restart()
    if vector.level is not None:
        engine.set_level(*vector.level)
    engine.push(vector.pcm)
    engine.finish()
    codes = np.array(engine.codes, np.int8)
    values, scores = _tflite(reference, codes)
    if not (np.array_equal(engine.values, values) and np.array_equal(engine.scores, scores)):
        raise GateFailed(
            f"on this machine the C engine and TFLite's reference kernels differ ({vector.name})",
            "report it with the bundle: nothing that follows would mean anything",
        )
    arousal, dominance, valence = engine.adv().view(np.uint32).tolist()
    return Reading(
        ready=bool(engine.result().ready),
        bits=(arousal, dominance, valence),
        rows=len(values),
        codes_crc=zlib.crc32(codes.tobytes()),
        outputs_crc=zlib.crc32(np.concatenate([values, scores], axis=1).tobytes()),
    )


def _tflite(
    reference: HostEngine, codes: NDArray[np.int8]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """(frames, features) values and scores of one offline pass over the rows."""
    outputs = reference.model.run(codes[None, :, :, None])
    values, scores = (outputs[name][0] for name in ("values", "scores"))
    return values.reshape(len(values), -1), scores.reshape(len(scores), -1)
