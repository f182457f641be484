"""Python, operating system and processor: can any runtime's wheel work here at all?"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from edge_ser.doctor.finding import BOTH, Finding

OLDEST_PYTHON = (3, 11)

_64_BIT = {"x86_64", "amd64", "aarch64", "arm64"}
_BOARDS_64 = "Raspberry Pi 3, 4, 5 and Zero 2 W run the 64-bit Raspberry Pi OS"


@dataclass(frozen=True)
class System:
    """The machine as Python sees it.

    Attributes:
        python: (major, minor, micro).
        os: "Linux", "Darwin", "Windows".
        machine: e.g. "aarch64".
        bits: of this Python's pointers; 32 on a 64-bit kernel means a 32-bit system above it.
        libc: "glibc", or "" for others.
    """

    python: tuple[int, int, int]
    os: str
    machine: str
    bits: int
    libc: str


def this_system() -> System:
    """The machine this runs on."""
    return System(
        python=sys.version_info[:3],
        os=platform.system(),
        machine=platform.machine(),
        bits=64 if sys.maxsize > 2**32 else 32,
        libc=platform.libc_ver()[0],
    )


def system_findings(system: System) -> list[Finding]:
    """Python, processor and operating system."""
    return [_python(system), _processor(system), _operating_system(system)]


def _python(system: System) -> Finding:
    version = ".".join(map(str, system.python))
    if system.python[:2] >= OLDEST_PYTHON:
        return Finding("system", "Python", "ok", version, needed_for=BOTH)
    return Finding(
        "system",
        "Python",
        "fault",
        f"{version} is too old",
        "Python 3.11 or newer is needed; Raspberry Pi OS 12 (bookworm) has 3.11, 13 has 3.13",
        BOTH,
    )


def _processor(system: System) -> Finding:
    machine = system.machine.lower()
    if machine.startswith("armv6"):
        return _refused_processor(
            f"32-bit Arm without NEON ({system.machine}: Raspberry Pi 1, Zero, Zero W)",
            "no runtime exists for it; use a Raspberry Pi Zero 2 W or newer with the 64-bit "
            "Raspberry Pi OS",
        )
    if machine.startswith("arm") and machine != "arm64":
        return _refused_processor(
            f"32-bit Arm ({system.machine}), for which LiteRT and ONNX Runtime have no wheel",
            f"install the 64-bit Raspberry Pi OS instead: {_BOARDS_64}",
        )
    if machine in ("aarch64", "arm64") and system.bits == 32:
        return _refused_processor(
            f"a 32-bit system on a 64-bit processor ({system.machine}), e.g. the 32-bit "
            "Raspberry Pi OS",
            f"install the 64-bit Raspberry Pi OS instead: {_BOARDS_64}",
        )
    if machine in _64_BIT and system.bits == 64:
        return Finding("system", "processor", "ok", f"{system.machine}, 64 bit", needed_for=BOTH)
    return _refused_processor(
        f"{system.machine or 'unknown'}, {system.bits} bit, is not supported",
        "supported: x86_64 and 64-bit Arm (aarch64)",
    )


def _refused_processor(detail: str, hint: str) -> Finding:
    return Finding("system", "processor", "fault", detail, hint, BOTH)


def _operating_system(system: System) -> Finding:
    if system.os == "Linux" and system.libc != "glibc":
        return Finding(
            "system",
            "operating system",
            "warning",
            "Linux without glibc (Alpine?); the runtimes' wheels are built for glibc",
            "use Debian, Ubuntu or Raspberry Pi OS",
        )
    if system.os != "Linux":
        return Finding(
            "system",
            "operating system",
            "warning",
            f"{system.os}: edge-ser is tested on Linux only",
            "it may work; reports are welcome",
        )
    return Finding("system", "operating system", "ok", f"Linux {platform.release()}, glibc")
