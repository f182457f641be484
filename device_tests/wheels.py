"""Python packages for the device, installed from this machine: its wheels, never sources."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path

from device_tests.devices import Device
from device_tests.host_tools import run_tool
from edge_ser.bundle import Bundle
from edge_ser.errors import EnvironmentMissing
from firmware_export import run_files
from firmware_export.wheel import write_wheel

_LEGACY = (
    "cffi==2.1.1",
    "numpy==1.26.4",
    "pycparser==3.12",
    "soundfile==0.14.0",
    "soxr==1.1.0",
    "tflite-runtime==2.14.0",
    "typing_extensions==4.12.2",
)
"""As in constraints-rpi-legacy.txt: tflite-runtime's last release needs numpy 1."""

_REQUIREMENTS = "requirements.txt"


def requirements(device: Device, bundle: Bundle, engine: str) -> list[str]:
    """Pinned requirements of one runtime on the device.

    LiteRT's are those that the bundle's own installer uses; ONNX Runtime takes LiteRT's
    place among them, at the version that the exporter had. What Debian has to provide on a
    device is left out.
    """
    pins = _engine_requirements(bundle, engine)
    if not device.wheels:
        return pins
    return [pin for pin in pins if pin.partition("==")[0] in device.wheels]


def _engine_requirements(bundle: Bundle, engine: str) -> list[str]:
    if engine == "tflite-runtime":
        return list(_LEGACY)
    pins = [line for line in _bundle_requirements(bundle) if line and not line.startswith("#")]
    if engine == "litert":
        return pins
    version = bundle.manifest.tools.get("onnxruntime")
    runtime = f"onnxruntime=={version}" if version else "onnxruntime"
    return [*(pin for pin in pins if not pin.startswith("ai-edge-litert")), runtime]


def _bundle_requirements(bundle: Bundle) -> list[str]:
    relative = f"run/{_REQUIREMENTS}"
    if relative in bundle.manifest.files:
        return bundle.read(relative).decode().splitlines()
    return (Path(run_files.__file__).parent / _REQUIREMENTS).read_text().splitlines()


def install(device: Device, pins: list[str], folder: Path) -> None:
    """Put the packages into `folder`, for the device's processor and Python.

    Raises:
        EnvironmentMissing: no pip, no network, or no wheel of that version for the device.
    """
    if importlib.util.find_spec("pip") is None:
        raise EnvironmentMissing(
            "fetching the device's packages needs pip", f"{sys.executable} -m ensurepip"
        )
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--implementation", "cp"]
    command += ["--python-version", device.python, "--target", str(folder)]
    if device.wheels:
        command.append("--no-deps")  # Debian has what they depend on
    for platform in device.family.wheels:
        command += ["--platform", platform]
    run_tool([*command, *pins])


def unpack_edge_ser(bundle: Bundle, folder: Path) -> None:
    """Put edge-ser itself into `folder`: the wheel that the bundle carries, else this one's.

    Raises:
        EnvironmentMissing: the bundle carries none, and none can be made here.
    """
    carried = [
        name
        for name in bundle.manifest.files
        if name.startswith("run/edge_ser-") and name.endswith(".whl")
    ]
    wheel = bundle.path(carried[0]) if carried else write_wheel(folder)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
