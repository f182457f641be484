"""A Debian system folder for another processor, made without root, the host's own apt untouched.

A private apt configuration (own lists, own empty package state, signature checked against
Debian's archive key) resolves and downloads; `dpkg-deb -x` unpacks. Package scripts do not
run: an emulated process needs files only.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from device_tests.devices import DEBIAN_ARCHIVE_KEYRING, Device
from device_tests.host_tools import run_tool
from edge_ser.errors import EnvironmentMissing

PACKAGES = ("python3", "libstdc++6")
"""Named ones, of every device; apt adds what they depend on."""

_LINKS = {
    "libblas.so.3": "blas/libblas.so.3",
    "liblapack.so.3": "lapack/liblapack.so.3",
    "libsndfile.so": "libsndfile.so.1",
}
"""Library -> what it is, there. The first two are made by package scripts, which do not run here.
The last is for soundfile: it asks ldconfig, which a process under emulation starts on the host."""

_CORES = 4


def make_root(device: Device, folder: Path, mirror: str | None = None) -> None:
    """Unpack the device's system into `folder`.

    Args:
        device: says which release.
        folder: must exist and be empty.
        mirror: address of a Debian archive; None takes the one this system's apt uses.

    Raises:
        EnvironmentMissing: no mirror is known, or the download or the unpacking failed.
    """
    mirror = mirror or host_mirror()
    with tempfile.TemporaryDirectory(prefix="edge-ser-apt-") as scratch:
        for package in _download(device, Path(scratch), mirror):
            run_tool(["dpkg-deb", "-x", package, folder])
    _merge_usr(folder)
    _link_libraries(folder / "usr" / "lib" / device.family.libraries)
    write_cpuinfo(device, folder)


def host_mirror() -> str:
    """The Debian archive that this system's own apt is set up with.

    Raises:
        EnvironmentMissing: it has none, e.g. on Ubuntu.
    """
    told = run_tool(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(SITE)"])
    for line in told.splitlines():
        origin, label, site = line.split("|", 2)
        if (origin, label) == ("Debian", "Debian"):
            return site
    raise EnvironmentMissing(
        "this system's apt knows no Debian archive to take the device's packages from",
        "on Debian run `sudo apt-get update` once; elsewhere name a mirror: --mirror URL "
        "(Debian publishes a list of its mirrors)",
    )


def _download(device: Device, scratch: Path, mirror: str) -> list[Path]:
    archives = scratch / "cache" / "archives"
    for needed in (scratch / "state" / "lists" / "partial", archives / "partial"):
        needed.mkdir(parents=True)
    (scratch / "state" / "status").touch()
    sources = scratch / "sources.list"
    signed = f"[arch={device.architecture} signed-by={DEBIAN_ARCHIVE_KEYRING}]"
    sources.write_text(f"deb {signed} {mirror} {device.release} main\n")
    configuration = scratch / "apt.conf"
    configuration.write_text(_configuration(device, scratch))
    environment = {**os.environ, "APT_CONFIG": str(configuration)}
    run_tool(["apt-get", "update"], environment)
    install = ["apt-get", "-y", "--no-install-recommends", "--download-only", "install"]
    run_tool([*install, *PACKAGES, *device.debian], environment)
    return sorted(archives.glob("*.deb"))


def _configuration(device: Device, scratch: Path) -> str:
    """Everything below `scratch`; of the host's settings only how it reaches the network."""
    settings = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": f"{scratch}/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::trusted": "/dev/null",
        "Dir::Etc::trustedparts": "/dev/null",
        "Dir::State": f"{scratch}/state",
        "Dir::State::status": f"{scratch}/state/status",
        "Dir::Cache": f"{scratch}/cache",
        "APT::Architecture": device.architecture,
        "APT::Architectures": device.architecture,
        "APT::Sandbox::User": "",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
    }
    lines = [f'{name} "{value}";' for name, value in settings.items()]
    network = [run_tool(["apt-config", "dump", f"Acquire::{kind}"]) for kind in ("http", "https")]
    return "\n".join([*lines, *network]) + "\n"


def _merge_usr(folder: Path) -> None:
    """Newer releases keep all libraries under /usr and link the old places there."""
    for name in ("lib", "bin", "sbin"):
        place = folder / name
        if not place.exists() and (folder / "usr" / name).is_dir():
            place.symlink_to(Path("usr") / name)


def _link_libraries(libraries: Path) -> None:
    for name, real in _LINKS.items():
        if (libraries / real).exists():
            (libraries / name).symlink_to(real)


def write_cpuinfo(device: Device, folder: Path) -> None:
    """qemu passes the host's /proc/cpuinfo through; ONNX Runtime crashes on a foreign one."""
    implementer, part = device.cpuinfo
    core = device.family.cpuinfo.format(implementer=implementer, part=part)
    (folder / "proc").mkdir(exist_ok=True)
    cores = (f"processor\t: {index}\n{core}" for index in range(_CORES))
    (folder / "proc" / "cpuinfo").write_text("\n".join(cores))
