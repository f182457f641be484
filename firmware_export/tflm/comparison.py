"""TFLite-Micro against LiteRT's reference kernels on a bundle's own speech: no bit may differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.frontend.numpy_frontend import log_mel
from edge_ser.runtime.host import quantise
from edge_ser.runtime.tables import read_tables
from firmware_export.tflite_frames import reference_interpreter
from firmware_export.tflm import interpreter


@dataclass(frozen=True)
class Comparison:
    """Outputs of both, code by code.

    Attributes:
        runs: of the model.
        codes: compared.
        differing: of them.
    """

    runs: int
    codes: int
    differing: int


def golden_blocks(bundle: Bundle, frames: int) -> Iterator[NDArray[np.int8]]:
    """Log-mel codes of the golden clips, (1, frames, bands, 1) at a time, end to end.

    A clip is repeated up to a whole number of blocks.
    """
    tables = read_tables(bundle)
    for name in sorted(bundle.manifest.golden.clips):
        codes = quantise(log_mel(read_clip(bundle, name), tables.frontend), tables.input)
        blocks = -(-len(codes) // frames)
        yield from np.resize(codes, (blocks, 1, frames, codes.shape[1], 1))


def compare(content: bytes, blocks: Iterable[NDArray[np.int8]]) -> Comparison:
    """Run blocks through both.

    Raises:
        EnvironmentMissing: tflite-micro is not installed.
        InputError: it refuses the model.
    """
    reference = reference_interpreter(content)
    reference.allocate_tensors()
    source = reference.get_input_details()[0]["index"]
    results = [detail["index"] for detail in reference.get_output_details()]
    runs = codes = differing = 0
    for block in blocks:
        reference.set_tensor(source, block)
        reference.invoke()
        for index, found in zip(results, interpreter.run(content, block), strict=True):
            expected = reference.get_tensor(index)
            codes += expected.size
            differing += int(np.count_nonzero(expected != found))
        runs += 1
    return Comparison(runs, codes, differing)
