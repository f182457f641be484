"""The host route: numpy front-end, int8 backbone on a runtime, numpy pooled head.

Takes clips of any length, block by block: the working memory is a block's, and merging the
blocks' sums gives what one pass over the clip gives.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.manifest import BACKBONE_TABLES
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused
from edge_ser.frontend.numpy_frontend import log_mel
from edge_ser.runtime.backbone import Backbone, TfliteBackbone, quantise
from edge_ser.runtime.blocks import Block, blocks
from edge_ser.runtime.engine import Kernels, check_audio
from edge_ser.runtime.head import apply_head, pooled_head
from edge_ser.runtime.interpreter import TfliteModel
from edge_ser.runtime.partial import PartialPool
from edge_ser.runtime.tables import BackboneTables, read_tables

__all__ = ["BACKBONE", "BackboneEngine", "HostEngine", "load_host", "pooled_head", "quantise"]

BACKBONE = "backbone.int8.tflite"


@dataclass(frozen=True)
class BackboneEngine:
    """An `Engine` around an int8 backbone, whichever runtime has it."""

    name: str
    version: str
    kernels: Kernels
    load_seconds: float
    backbone: Backbone
    tables: BackboneTables
    artefact: str

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine.predict`."""
        return self.predict_log_mel(log_mel(check_audio(audio), self.tables.frontend))

    def predict_log_mel(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(frames, n_mels) float32 log-mel -> (3,) arousal, dominance, valence."""
        pool = pool_in_blocks(self.backbone, features, self.tables.receptive_radius)
        return apply_head(pool.pooled(), self.tables.head).astype(np.float32)


@dataclass(frozen=True)
class HostEngine(BackboneEngine):
    """On one of the TFLite packages."""

    backbone: TfliteBackbone

    @property
    def model(self) -> TfliteModel:
        """The interpreter: int8 log-mel in, int8 values and scores out."""
        return self.backbone.model


def pool_in_blocks(backbone: Backbone, features: NDArray[np.float32], radius: int) -> PartialPool:
    """Softmax sums over a whole (frames, n_mels) log-mel, in a block's working memory."""

    def pool_of(block: Block) -> PartialPool:
        values, scores = backbone.run(backbone.stored(features[block.start : block.stop]))
        return backbone.pool(values[block.kept], scores[block.kept])

    return reduce(PartialPool.merge, map(pool_of, blocks(len(features), radius)))


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
        backbone=TfliteBackbone(model, tables),
        tables=tables,
        artefact=BACKBONE,
    )
