"""A device's system and packages on disk, made once and kept in a cache folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

from device_tests import debian_root, wheels
from device_tests.cached import key, once
from device_tests.devices import Device
from edge_ser.bundle import Bundle

_LAYOUT = 2
"""Raised when these modules fill the folders otherwise than before."""


@dataclass(frozen=True)
class Sysroot:
    """Where a device's files lie.

    Attributes:
        root: the system, what the device sees as "/".
        site: its Python packages.
    """

    root: Path
    site: Path

    def python(self, device: Device) -> Path:
        """The device's interpreter."""
        return self.root / "usr" / "bin" / f"python{device.python}"


def prepare(
    device: Device,
    bundle: Bundle,
    engine: str,
    cache: Path,
    mirror: str | None = None,
    say: Callable[[str], None] = print,
) -> Sysroot:
    """The system and packages for one runtime, from the cache or made now.

    Args:
        device: what to emulate.
        bundle: its installer's pins decide the packages.
        engine: which runtime.
        cache: folder for all devices; made if it is not there.
        mirror: address of a Debian archive; None takes the one this system's apt uses.
        say: told before something slow.

    Raises:
        EnvironmentMissing: a download failed, or the cache cannot be written.
    """
    pins = wheels.requirements(device, bundle, engine)
    system = (astuple(device), astuple(device.family), debian_root.PACKAGES)
    root = cache / f"{device.name}-root-{key(_LAYOUT, system)}"
    site = cache / f"{device.name}-{engine}-{key(_LAYOUT, device.python, pins)}"
    once(root, lambda folder: debian_root.make_root(device, folder, mirror), say)
    once(site, lambda folder: wheels.install(device, pins, folder), say)
    return Sysroot(root, site)
