"""The system packages that the project uses, and a check of which are missing.

One table for `make` (which only says what to install: it never needs root) and for CI (which
installs them first). Debian and Ubuntu names.

    python3 .ci/system_packages.py            prints what is missing and the command to install it
    python3 .ci/system_packages.py --list     prints all package names, for apt-get
"""

from __future__ import annotations

import argparse
import ctypes.util
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SystemPackage:
    """A Debian package, how to see that it is there, and what lacks without it.

    Attributes:
        name: for apt.
        purpose: what stays undone without it.
        programs: commands it provides, all needed.
        library: shared library it provides, as `ldconfig` knows it.
        file_pattern: a file it provides, below /usr.
    """

    name: str
    purpose: str
    programs: tuple[str, ...] = ()
    library: str = ""
    file_pattern: str = ""

    def present(self) -> bool:
        """True if what the package provides is found, from whatever source."""
        programs = all(shutil.which(program) for program in self.programs)
        library = not self.library or ctypes.util.find_library(self.library) is not None
        file = not self.file_pattern or any(Path("/usr").glob(self.file_pattern))
        return programs and library and file


PACKAGES = (
    SystemPackage("libportaudio2", "microphones (edge-ser stream --mic)", library="portaudio"),
    SystemPackage("qemu-user", "the device tests (aarch64 emulation)", programs=("qemu-aarch64",)),
    SystemPackage(
        "debian-archive-keyring",
        "the device tests (Debian's signing keys; Ubuntu lacks them)",
        file_pattern="share/keyrings/debian-archive-keyring.*",
    ),
    SystemPackage("dpkg", "the device tests (unpacking arm64 packages)", programs=("dpkg-deb",)),
    SystemPackage("pulseaudio", "the microphone test (a virtual one)", programs=("pulseaudio",)),
    SystemPackage(
        "pulseaudio-utils", "the microphone test (playing into it)", programs=("pactl", "paplay")
    ),
    SystemPackage(
        "libasound2-plugins",
        "the microphone test (ALSA through PulseAudio)",
        file_pattern="lib/*/alsa-lib/libasound_module_pcm_pulse.so",
    ),
)


def report_missing() -> str:
    """One line per missing package and the apt command for all of them; empty if none is."""
    missing = [package for package in PACKAGES if not package.present()]
    if not missing:
        return ""
    lines = ["System packages that are not installed (tests that need them are skipped by name):"]
    lines += [f"  {package.name:<20} {package.purpose}" for package in missing]
    names = " ".join(package.name for package in missing)
    return "\n".join([*lines, f"To install them:  sudo apt-get install {names}"])


def main() -> None:
    """Print the report or, with --list, the names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--list", action="store_true", help="print all names, for apt-get")
    if parser.parse_args().list:
        print(" ".join(package.name for package in PACKAGES))
    else:
        print(report_missing() or "System packages: all installed.")


if __name__ == "__main__":
    main()
