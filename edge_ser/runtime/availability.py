"""Which runtimes are installed here and can be imported, and what to do about the others."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from dataclasses import dataclass

from edge_ser import __version__
from edge_ser.runtime.c_compiler import compiler_version, find_compiler

ENGINE_ORDER = ("litert", "tflite-runtime", "onnxruntime", "c")
"""Preferred first."""

_DISTRIBUTIONS = {
    "litert": ("ai-edge-litert", "ai_edge_litert.interpreter", "pip install 'edge-ser[rpi]'"),
    "tflite-runtime": (
        "tflite-runtime",
        "tflite_runtime.interpreter",
        "Python 3.11 only: pip install 'edge-ser[rpi-legacy]' in an environment of its own",
    ),
    "onnxruntime": ("onnxruntime", "onnxruntime", "pip install 'edge-ser[onnx,audio]'"),
    "c": ("tflite", "tflite", "pip install 'edge-ser[c]', and a C compiler"),
}
"""engine -> distribution, module to import, how to get it. `c` reads models with its package."""


@dataclass(frozen=True)
class EngineStatus:
    """One runtime on this machine.

    Attributes:
        name: of the engine.
        version: of its package; "" when it is not installed.
        reason: why it cannot be used; "" when it can.
        hint: what to do about it; "" when it can be used.
    """

    name: str
    version: str = ""
    reason: str = ""
    hint: str = ""

    @property
    def available(self) -> bool:
        """Whether it can be imported."""
        return not self.reason

    def __str__(self) -> str:
        return self.version if self.available else self.reason


def available_engines() -> dict[str, EngineStatus]:
    """Every engine by name, in the order of preference."""
    return {name: engine_status(name) for name in ENGINE_ORDER}


def engine_status(name: str) -> EngineStatus:
    """Whether one engine can be used here; its package is imported to find out."""
    status = installed_version(name)
    if not status.available:
        return status
    distribution, module, install = _DISTRIBUTIONS[name]
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken wheel may raise anything
        return EngineStatus(name, status.version, f"{distribution} does not load: {error}", install)
    return status


def installed_version(name: str) -> EngineStatus:
    """What the installed packages' metadata say of one engine; nothing is imported."""
    distribution, _, install = _DISTRIBUTIONS[name]
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return EngineStatus(name, reason=f"{distribution} is not installed", hint=install)
    if name == "tflite-runtime" and (clash := _numpy_clash()):
        return EngineStatus(name, version, clash, "pip install 'numpy<2' beside it, or use litert")
    return _c_status() if name == "c" else EngineStatus(name, version)


def _c_status() -> EngineStatus:
    """The engine `c` is edge-ser's own; what may be missing is a compiler."""
    compiler = find_compiler()
    if compiler is None or not compiler_version(compiler):
        hint = "sudo apt-get install gcc libc6-dev, or another engine"
        return EngineStatus("c", __version__, "no working C compiler is installed", hint)
    return EngineStatus("c", __version__)


def _numpy_clash() -> str:
    """tflite-runtime was built against numpy 1; its interpreter raises SystemError under 2."""
    version = importlib.metadata.version("numpy")
    if int(version.split(".")[0]) < 2:
        return ""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"tflite-runtime needs numpy < 2, and this Python {python} has numpy {version}"
