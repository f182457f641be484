"""A device's system and packages on disk, made once and kept in a cache folder.

Each folder is named after everything that decides its contents and appears whole or not at
all, so that a set-up cut short is simply done again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from device_tests import debian_root, wheels
from device_tests.devices import Device
from edge_ser.bundle import Bundle
from edge_ser.errors import EnvironmentMissing

_LAYOUT = 1
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


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/edge-ser/devices`, by default below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "edge-ser", "devices")


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
    pins = wheels.requirements(bundle, engine)
    root = cache / f"{device.name}-root-{_key(astuple(device), debian_root.PACKAGES)}"
    site = cache / f"{device.name}-{engine}-{_key(device.python, pins)}"
    _once(root, lambda folder: debian_root.make_root(device, folder, mirror), say)
    _once(site, lambda folder: wheels.install(device, pins, folder), say)
    return Sysroot(root, site)


def _key(*decisive: Any) -> str:
    return hashlib.sha256(json.dumps([_LAYOUT, *decisive]).encode()).hexdigest()[:12]


def _once(folder: Path, fill: Callable[[Path], None], say: Callable[[str], None]) -> None:
    if folder.is_dir():
        return
    say(f"setting up {folder} (once)")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    except OSError as error:
        raise EnvironmentMissing(
            f"the cache {folder.parent} cannot be written: {error}", "name another: --cache DIR"
        ) from error
    try:
        fill(scratch)
        scratch.chmod(0o755)
        scratch.rename(folder)
    except OSError:
        # Another process may have finished the same folder meanwhile; its copy is as good.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
