"""Versions of the packages that matter, without importing them."""

from __future__ import annotations

import importlib.metadata

from edge_ser import __version__
from edge_ser.doctor.finding import BOTH, Finding

_WORKSTATION = ("torch", "onnx", "litert-torch", "ai-edge-quantizer")
"""Only `distill`, `export` and the like need these."""


def package_findings() -> list[Finding]:
    """edge-ser, numpy, and the workstation's packages."""
    findings = [Finding("packages", "edge-ser", "ok", __version__)]
    findings.append(_package("numpy", "pip install 'edge-ser[rpi]'", needed=True))
    hint = "needed on a workstation for training and export only: pip install 'edge-ser[all]'"
    return findings + [_package(name, hint, needed=False) for name in _WORKSTATION]


def _package(name: str, hint: str, needed: bool) -> Finding:
    needed_for = BOTH if needed else ()
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding("packages", name, "absent", "not installed", hint, needed_for)
    return Finding("packages", name, "ok", version, needed_for=needed_for)
