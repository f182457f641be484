"""TFLite-Micro's interpreter on this machine, held to the same vectors as the C engine's boards.

It runs the backbone between our front-end and head, as the `tflm` hand-off does: the rows are the
C front-end's, each vector's whole length at once.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from device_tests.c_checks import BoardReport, Plan
from device_tests.c_reference import Expected, expect, plain_engine
from device_tests.observed_engine import ObservedEngine
from device_tests.vectors import short_vectors
from edge_ser.bundle import Bundle
from firmware_export.c_engine import SourceOptions
from firmware_export.targets import BACKBONE_TFLITE
from firmware_export.tflite_frames import with_frames
from firmware_export.tflm import interpreter

NAME = "tflite-micro"
TITLE = "TFLite-Micro's interpreter on this machine, not emulated"

_MOST_FAILURES = 5


def run_tflm(
    bundle: Bundle,
    plan: Plan,
    speech: Sequence[NDArray[np.float32]],
    say: Callable[[str], None] = print,
) -> BoardReport:
    """Every short vector through TFLite-Micro.

    Args:
        bundle: open.
        plan: how many vectors, and how long; clips are left out, whose arenas are megabytes.
        speech: clips to cut vectors from.
        say: told what goes on.

    Raises:
        EnvironmentMissing: tflite-micro, a TFLite runtime or a C compiler is not installed.
        InputError: TFLite-Micro refuses the model.
    """
    version = interpreter.version()
    say(f"{NAME}: {plan.vectors} vectors")
    options = SourceOptions()
    expected = expect(bundle, options, short_vectors(speech, plan.vectors, longest=plan.longest))
    engine, content = plain_engine(bundle, options), bundle.read(BACKBONE_TFLITE)
    failures = [
        f"{each.vector.name}: the backbone gives other outputs"
        for each in expected
        if _outputs_crc(engine, content, each) != each.reading.outputs_crc
    ]
    return BoardReport(
        board=NAME,
        title=TITLE,
        target="tflm",
        emulator="",
        compiler=f"tflite-micro {version}",
        kernels="tflite-micro reference",
        frontend="float",
        vectors=len(expected),
        clips=0,
        failures=tuple(failures[:_MOST_FAILURES]),
        float_difference=None,
        buffer=0,
        stack=0,
        static=0,
        flash=None,
        instructions=None,
    )


def _outputs_crc(engine: ObservedEngine, content: bytes, expected: Expected) -> int:
    """Of TFLite-Micro's outputs for a vector's rows, frame by frame values then scores."""
    vector = expected.vector
    engine.restart()
    if vector.level is not None:
        engine.set_level(*vector.level)
    engine.push(vector.pcm)
    codes = np.array(engine.codes, np.int8)
    model = with_frames(content, len(codes))
    values, scores = interpreter.run(model, codes[None, :, :, None])
    frames = values.shape[1]
    both = [part.reshape(frames, -1) for part in (values, scores)]
    return zlib.crc32(np.concatenate(both, axis=1).tobytes())
