"""The int8 backbone on ONNX Runtime: float log-mel in, the values of the int8 outputs out.

The file quantises inside, with the parameters of `model.int8.onnx`, from which it was cut.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused
from edge_ser.runtime.engine import Kernels
from edge_ser.runtime.head import pool
from edge_ser.runtime.host import BackboneEngine
from edge_ser.runtime.onnx import open_session
from edge_ser.runtime.partial import PartialPool
from edge_ser.runtime.tables import read_tables

BACKBONE_ONNX = "backbone.int8.onnx"


@dataclass(frozen=True)
class OnnxBackbone:
    """A `Backbone`: float32 rows in, float32 (outputs, bands, channels) out."""

    session: Any

    def stored(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backbone.stored`."""
        return rows

    def run(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Backbone.run`."""
        values, scores = self.session.run(["values", "scores"], {"log_mel": rows[None, None]})
        return _outputs_first(values), _outputs_first(scores)

    def pool(self, values: NDArray[np.float32], scores: NDArray[np.float32]) -> PartialPool:
        """See `Backbone.pool`."""
        return pool(values, scores)


def load_onnx_backbone(
    bundle: Bundle, engine: str, version: str, threads: int, kernels: Kernels
) -> BackboneEngine:
    """The backbone of a bundle between the numpy front-end and head.

    Raises:
        BundleRefused: it does not fit its tables, or is not what the manifest says.
        InputError: reference kernels asked for; ONNX Runtime has none.
    """
    start = time.perf_counter()
    tables = read_tables(bundle)
    info = bundle.manifest.models[BACKBONE_ONNX]
    if [tensor.name for tensor in (*info.inputs, *info.outputs)] != ["log_mel", "values", "scores"]:
        raise BundleRefused(f"the manifest does not describe {BACKBONE_ONNX} as a backbone")
    if any(
        len(tensor.shape) != 4 or tensor.shape[1::2] != (tables.head.channels, tables.head.bands)
        for tensor in info.outputs
    ):
        raise BundleRefused(f"the bundle's tables have a head that does not fit {BACKBONE_ONNX}")
    session = open_session(bundle, BACKBONE_ONNX, threads, kernels)
    return BackboneEngine(
        name=engine,
        version=version,
        kernels=kernels,
        load_seconds=time.perf_counter() - start,
        backbone=OnnxBackbone(session),
        tables=tables,
        artefact=BACKBONE_ONNX,
    )


def _outputs_first(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1, channels, outputs, bands) -> (outputs, bands, channels), contiguous."""
    return np.ascontiguousarray(tensor[0].transpose(1, 2, 0))
