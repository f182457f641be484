"""Microphones, the PortAudio library, and the packages around them."""

from __future__ import annotations

import importlib

from edge_ser.doctor.finding import BOTH, Finding, Use
from edge_ser.errors import EdgeSerError
from edge_ser.runtime.quiet import native_stderr_hidden
from edge_ser.stream.capture.devices import NO_MICROPHONE_HINT, input_devices
from edge_ser.stream.capture.portaudio import load_portaudio

_INSTALL = "pip install 'edge-ser[audio]'"


def audio_findings() -> list[Finding]:
    """soxr, soundfile, PortAudio, microphones."""
    return [
        _package("soxr", "resampling", BOTH),
        _package("soundfile", "audio files", ("file",)),
        *_microphone_findings(),
    ]


def _package(name: str, purpose: str, needed_for: tuple[Use, ...]) -> Finding:
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError) as error:
        detail = f"{purpose} will not work: {error}"
        return Finding("audio", name, "fault", detail, _INSTALL, needed_for)
    return Finding("audio", name, "ok", f"{module.__version__} ({purpose})", "", needed_for)


def _microphone_findings() -> list[Finding]:
    needed_for: tuple[Use, ...] = ("microphone",)
    try:
        # ALSA reports every device that is configured but absent on file descriptor 2.
        with native_stderr_hidden():
            sounddevice = load_portaudio()
            devices = input_devices(sounddevice)
    except EdgeSerError as error:
        return [Finding("audio", "PortAudio", "fault", str(error), error.hint, needed_for)]
    library = sounddevice.get_portaudio_version()[1]
    found = Finding("audio", "PortAudio", "ok", library, needed_for=needed_for)
    if not devices:
        none = "no microphone was found"
        return [
            found,
            Finding("audio", "microphones", "absent", none, NO_MICROPHONE_HINT, needed_for),
        ]
    names = "; ".join(device.name for device in devices)
    return [
        found,
        Finding("audio", "microphones", "ok", f"{len(devices)}: {names}", "", needed_for),
    ]
