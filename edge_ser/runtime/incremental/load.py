"""Choosing and loading an incremental engine for a bundle."""

from __future__ import annotations

from edge_ser.bundle.reader import Bundle
from edge_ser.errors import InputError
from edge_ser.runtime.engine import Kernels
from edge_ser.runtime.host import BACKBONE
from edge_ser.runtime.incremental.c import CIncremental
from edge_ser.runtime.incremental.engine import IncrementalEngine
from edge_ser.runtime.incremental.host import HostIncremental
from edge_ser.runtime.incremental.windows import Windows
from edge_ser.runtime.onnx_backbone import BACKBONE_ONNX
from edge_ser.runtime.selection import backbone_artefact, choose, load_backbone


def load_incremental(
    bundle: Bundle,
    name: str | None = None,
    artefact: str | None = None,
    threads: int = 1,
    kernels: Kernels = "default",
    window_seconds: float = 5.0,
    hop_seconds: float = 0.5,
) -> IncrementalEngine:
    """Load a bundle's backbone for a stream.

    Args:
        bundle: open; the engine needs it no longer once it is loaded.
        name, artefact, threads, kernels: as of `load_engine`; the artefact is a backbone.
        window_seconds: 0.5 to 60.
        hop_seconds: 0.05 to 60; what c can have is said in docs/STREAMING_EXACT.md.

    Raises:
        InputError: unknown engine or artefact, no backbone for it, or windows that it cannot have.
        EnvironmentMissing: the runtime is not installed or does not work.
        BundleRefused: the model is not what the manifest says.
    """
    manifest = bundle.manifest
    windows = Windows.of(
        window_seconds, hop_seconds, manifest.frontend.hop, manifest.student.time_stride
    )
    if not {BACKBONE, BACKBONE_ONNX} & set(manifest.models):
        raise InputError(
            f"{manifest.name} computes whole windows only: the bundle has no backbone that a "
            "stream could run in blocks",
            "stream it with --level window",
        )
    status, chosen = choose(bundle, name, artefact, threads, kernels, backbone_artefact)
    if chosen not in (BACKBONE, BACKBONE_ONNX):
        raise InputError(
            f"{chosen} computes whole clips only",
            f"incremental inference takes {backbone_artefact(status.name)}; whole windows "
            "are for `edge-ser stream --level window`",
        )
    if status.name == "c":
        return CIncremental(bundle, status.name, status.version, chosen, kernels, windows)
    engine = load_backbone(bundle, status, threads, kernels)
    return HostIncremental(
        engine.name,
        engine.version,
        engine.artefact,
        engine.kernels,
        engine.load_seconds,
        engine.backbone,
        engine.tables,
        windows,
    )
