"""The emulated devices: what runs there, on which system, with which processor.

A table, no mechanism. Emulation shows that values are right; it says nothing of speed.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from device_tests.architectures import ARCHITECTURES, Architecture
from edge_ser.errors import InputError

DEBIAN_ARCHIVE_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Device:
    """One emulated device.

    Attributes:
        name: as given to `--device`.
        title: for people.
        target: the export target it runs.
        architecture: key of `ARCHITECTURES`.
        release: Debian release of its system; Raspberry Pi OS is built on the same one.
        python: version of that release's Python.
        cpu: qemu's name of the processor.
        cpuinfo: implementer and part as in /proc/cpuinfo.
        engines: runtimes that have wheels for it.
        debian: packages besides Python itself, for what has no wheel.
        wheels: Python packages to take as wheels; empty: all that an engine needs.
    """

    name: str
    title: str
    target: str
    architecture: str
    release: str
    python: str
    cpu: str
    cpuinfo: tuple[str, str]
    engines: tuple[str, ...]
    debian: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()

    @property
    def family(self) -> Architecture:
        """The processor's family."""
        return ARCHITECTURES[self.architecture]


_CORTEX_A72 = ("0x41", "0xd08")

DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        Device(
            "rpi-aarch64",
            "Raspberry Pi 4, 64-bit OS on Debian 12 (Bookworm), Python 3.11",
            "rpi",
            "arm64",
            "bookworm",
            "3.11",
            "cortex-a72",
            _CORTEX_A72,
            ("litert", "onnxruntime", "tflite-runtime"),
        ),
        Device(
            "rpi-aarch64-trixie",
            "Raspberry Pi 4, 64-bit OS on Debian 13 (Trixie), Python 3.13",
            "rpi",
            "arm64",
            "trixie",
            "3.13",
            "cortex-a72",
            _CORTEX_A72,
            ("litert", "onnxruntime"),
        ),
        # No wheel of numpy, cffi or soxr exists for armv7. Debian 12 has the first two, and
        # without soxr files must have 16 kHz already.
        Device(
            "rpi-armv7",
            "Raspberry Pi 2, 3 and 4, 32-bit OS on Debian 12 (Bookworm), Python 3.11",
            "rpi-armv7",
            "armhf",
            "bookworm",
            "3.11",
            "cortex-a7",
            ("0x41", "0xc07"),
            ("tflite-runtime",),
            debian=("python3-numpy", "python3-soundfile"),
            wheels=("tflite-runtime",),
        ),
    )
}

DEFAULT_DEVICE = "rpi-aarch64"


def find_device(name: str) -> Device:
    """The device of that name.

    Raises:
        InputError: unknown; the nearest known name is suggested.
    """
    if name in DEVICES:
        return DEVICES[name]
    near = difflib.get_close_matches(name, DEVICES, n=1, cutoff=0.4)
    question = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(
        f"no device called {name!r}",
        f"{question}known devices: {', '.join(DEVICES)}; `edge-ser device-test --list`",
    )
