"""The programs of the host that emulation needs, and running them with readable failures."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from device_tests.devices import DEBIAN_ARCHIVE_KEYRING, Device
from edge_ser.errors import EnvironmentMissing

_PACKAGE_OF = {"apt-get": "apt", "apt-config": "apt", "dpkg-deb": "dpkg"}


def missing_packages(device: Device) -> list[str]:
    """Debian packages that have to be installed first; empty when all is there."""
    needed = {**_PACKAGE_OF, device.family.emulator: "qemu-user"}
    packages = {package for program, package in needed.items() if not shutil.which(program)}
    if not Path(DEBIAN_ARCHIVE_KEYRING).is_file():
        packages.add("debian-archive-keyring")
    return sorted(packages)


def require_host_tools(device: Device) -> None:
    """Refuse to start what cannot work.

    Raises:
        EnvironmentMissing: names the packages.
    """
    missing = missing_packages(device)
    if missing:
        names = " ".join(missing)
        raise EnvironmentMissing(
            f"emulating a device needs {names}",
            f"on Debian or Ubuntu: sudo apt-get install {names}",
        )


def run_tool(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Standard output of a program that must succeed.

    Raises:
        EnvironmentMissing: it failed; the message ends with what it said last.
    """
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, env=environment)
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()[-3:]
        raise EnvironmentMissing(
            f"{words[0]} failed with code {result.returncode}: {' / '.join(said)}",
            "the set-up needs the network (a Debian mirror and a Python package index); "
            "check it and run the command again",
        )
    return result.stdout
