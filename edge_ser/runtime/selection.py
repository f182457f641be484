"""Choosing and loading an engine for a bundle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from edge_ser.bundle.reader import Bundle
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.runtime.availability import ENGINE_ORDER, EngineStatus, engine_status
from edge_ser.runtime.c import load_c
from edge_ser.runtime.engine import Engine, Kernels
from edge_ser.runtime.host import BACKBONE, BackboneEngine, load_host
from edge_ser.runtime.hybrid import INT8_TFLITE, load_hybrid
from edge_ser.runtime.interpreter import INTERPRETER_MODULES
from edge_ser.runtime.onnx import INT8_ONNX, load_onnx
from edge_ser.runtime.onnx_backbone import BACKBONE_ONNX, load_onnx_backbone

_LARGEST_THREADS = 64


def load_engine(
    bundle: Bundle,
    name: str | None = None,
    artefact: str | None = None,
    threads: int = 1,
    kernels: Kernels = "default",
) -> Engine:
    """Load a model of a bundle.

    Args:
        bundle: open; the engine needs it no longer once it is loaded.
        name: "litert", "tflite-runtime", "onnxruntime" or "c"; None takes the first that is
            installed and for which the bundle has the artefact.
        artefact: file name; None takes `default_artefact`. The backbone runs with the numpy
            front-end and head around it.
        threads: 1 to 64; the engine c always has one.
        kernels: "reference" for TFLite's reference kernels, or the plain ones of c (slow).

    Raises:
        InputError: unknown engine, artefact, or a pair that does not fit.
        EnvironmentMissing: the runtime is not installed or does not work.
        BundleRefused: the model is not what the manifest says.
    """
    status, chosen = choose(bundle, name, artefact, threads, kernels)
    if status.name == "c":
        return load_c(bundle, status.name, status.version, chosen, kernels)
    if chosen in (BACKBONE, BACKBONE_ONNX):
        return load_backbone(bundle, status, threads, kernels)
    if status.name == "onnxruntime":
        return load_onnx(bundle, status.name, status.version, chosen, threads, kernels)
    return load_hybrid(bundle, status.name, status.version, chosen, threads, kernels)


def load_backbone(
    bundle: Bundle, status: EngineStatus, threads: int, kernels: Kernels
) -> BackboneEngine:
    """The backbone of a bundle on a runtime that `choose` has chosen for it, not c."""
    load = load_onnx_backbone if status.name == "onnxruntime" else load_host
    return load(bundle, status.name, status.version, threads, kernels)


def choose(
    bundle: Bundle,
    name: str | None,
    artefact: str | None,
    threads: int,
    kernels: Kernels,
    default: Callable[[str], str] | None = None,
) -> tuple[EngineStatus, str]:
    """The runtime and the artefact that `load_engine` loads; arguments and errors are its.

    Args:
        default: engine -> the artefact that it takes when none is named.
    """
    if not 1 <= threads <= _LARGEST_THREADS:
        raise InputError(f"{threads} threads are not supported", f"use 1 to {_LARGEST_THREADS}")
    if kernels not in ("default", "reference"):
        raise InputError(f"no kernels {kernels!r}", "use 'default' or 'reference'")

    def wanted(engine: str) -> str:
        return artefact or (default or partial(_usual_artefact, bundle))(engine)

    status = _named(name) if name is not None else _first_usable(bundle, wanted)
    chosen = wanted(status.name)
    _check_pair(bundle, status.name, chosen)
    return status, chosen


def default_artefact(engine: str) -> str:
    """The int8 model that an engine takes when none is named.

    For TFLite the backbone: run in blocks it takes about a quarter of what the hybrid file
    takes beyond the runtime's floor (`edge-ser bench`), and all lengths go the same way.
    """
    return INT8_ONNX if engine == "onnxruntime" else BACKBONE


def _usual_artefact(bundle: Bundle, engine: str) -> str:
    """`default_artefact`, or the whole TFLite model where the student has no backbone file."""
    chosen = default_artefact(engine)
    whole = chosen not in bundle.manifest.models and INT8_TFLITE in bundle.manifest.models
    return INT8_TFLITE if whole and engine in INTERPRETER_MODULES else chosen


def backbone_artefact(engine: str) -> str:
    """The backbone that an engine takes."""
    return BACKBONE_ONNX if engine == "onnxruntime" else BACKBONE


def runs(engine: str, artefact: str) -> bool:
    """Whether an engine can run a file of this kind."""
    if engine == "c":
        return artefact == BACKBONE
    return artefact.endswith(".tflite" if engine in INTERPRETER_MODULES else ".onnx")


def _named(name: str) -> EngineStatus:
    if name not in ENGINE_ORDER:
        raise InputError(f"no engine {name!r}", f"known engines: {', '.join(ENGINE_ORDER)}")
    status = engine_status(name)
    if not status.available:
        raise EnvironmentMissing(f"the engine {name} cannot be used: {status.reason}", status.hint)
    return status


def _first_usable(bundle: Bundle, wanted: Callable[[str], str]) -> EngineStatus:
    reasons = []
    for name in ENGINE_ORDER:
        if wanted(name) not in bundle.manifest.models or not runs(name, wanted(name)):
            reasons.append(f"{name}: the bundle has no model for it")
            continue
        status = engine_status(name)
        if status.available:
            return status
        reasons.append(status.reason)
    raise EnvironmentMissing(
        f"no runtime can run this bundle here ({'; '.join(reasons)})",
        "pip install 'edge-ser[rpi]'; `edge-ser doctor` says more",
    )


def _check_pair(bundle: Bundle, engine: str, artefact: str) -> None:
    models = bundle.manifest.models
    if artefact == BACKBONE_ONNX and artefact not in models:
        raise InputError(
            f"the bundle has no {BACKBONE_ONNX}: an earlier version exported it",
            "use the engine litert, or export the bundle again",
        )
    if artefact not in models:
        raise InputError(
            f"the bundle has no model {artefact}", f"it has: {', '.join(sorted(models))}"
        )
    if not runs(engine, artefact):
        fitting = [model for model in sorted(models) if runs(engine, model)]
        raise InputError(
            f"{engine} does not run {artefact}", f"it runs: {', '.join(fitting) or 'none of them'}"
        )
