"""The host route: numpy front-end, int8 backbone on TFLite, numpy pooled head.

Takes clips of any length, block by block: the working memory is a block's, and merging the
blocks' sums gives what one pass over the clip gives.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.manifest import BACKBONE_TABLES, Quantisation
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused
from edge_ser.frontend.numpy_frontend import log_mel
from edge_ser.runtime.blocks import Block, blocks
from edge_ser.runtime.engine import Kernels, check_audio
from edge_ser.runtime.head import apply_head, pool_quantised, pooled_head
from edge_ser.runtime.interpreter import TfliteModel
from edge_ser.runtime.partial import PartialPool
from edge_ser.runtime.tables import BackboneTables, read_tables

__all__ = ["BACKBONE", "HostEngine", "load_host", "pooled_head", "quantise"]

BACKBONE = "backbone.int8.tflite"


def quantise(values: NDArray[np.float32], code: Quantisation) -> NDArray[np.int8]:
    """Nearest int8 code, ties to even, saturating at -128 and 127; any shape."""
    scaled = np.rint(values / np.float32(code.scale))
    return np.clip(scaled + code.zero_point, -128, 127).astype(np.int8)


@dataclass(frozen=True)
class HostEngine:
    """An `Engine` around `backbone.int8.tflite`."""

    name: str
    version: str
    kernels: Kernels
    load_seconds: float
    model: TfliteModel
    tables: BackboneTables
    artefact: str = BACKBONE

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine.predict`."""
        return self.predict_log_mel(log_mel(check_audio(audio), self.tables.frontend))

    def predict_log_mel(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(frames, n_mels) float32 log-mel -> (3,) arousal, dominance, valence."""
        tables = self.tables
        parts = blocks(len(features), tables.receptive_radius)
        pool = reduce(PartialPool.merge, (self._pool_of(features, part) for part in parts))
        return apply_head(pool.pooled(), tables.head).astype(np.float32)

    def _pool_of(self, features: NDArray[np.float32], block: Block) -> PartialPool:
        tables = self.tables
        codes = quantise(features[block.start : block.stop], tables.input)
        outputs = self.model.run(codes[None, :, :, None])
        values, scores = (outputs[name][0][block.kept] for name in ("values", "scores"))
        return pool_quantised(values, scores, tables.values, tables.scores)


def load_host(
    bundle: Bundle, engine: str, version: str, threads: int, kernels: Kernels
) -> HostEngine:
    """The host route of a bundle on one of the TFLite packages.

    Raises:
        BundleRefused: no backbone in it, or one that does not fit its tables.
    """
    start = time.perf_counter()
    tables = read_tables(bundle)
    content = bundle.read(BACKBONE)
    info = bundle.manifest.models.get(BACKBONE)
    if info is None or [tensor.name for tensor in info.outputs] != ["values", "scores"]:
        raise BundleRefused(f"the manifest does not describe {BACKBONE} with values and scores")
    model = TfliteModel(engine, BACKBONE, content, info, threads, kernels)
    announced = [info.quantisation.get(t.name) for t in (*info.inputs, *info.outputs)]
    if announced != [tables.input, tables.values, tables.scores]:
        raise BundleRefused(f"{BACKBONE_TABLES} and the manifest quantise {BACKBONE} differently")
    bands, channels = info.outputs[0].shape[2:]
    if (channels, bands) != (tables.head.channels, tables.head.bands):
        raise BundleRefused(f"{BACKBONE_TABLES} has a head that does not fit {BACKBONE}")
    return HostEngine(
        name=engine,
        version=version,
        kernels=kernels,
        load_seconds=time.perf_counter() - start,
        model=model,
        tables=tables,
    )
