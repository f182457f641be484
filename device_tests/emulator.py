"""Running a device's Python under qemu's user-mode emulation.

qemu translates one process; `-L` makes every path that exists below the system folder come
from there. Clocks and instruction timing are the host's: never report a duration from here.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from device_tests.devices import Device
from device_tests.host_tools import run_tool
from device_tests.instructions import Counter
from device_tests.sysroot import Sysroot
from edge_ser.errors import GateFailed

DEFAULT_LIMIT_SECONDS = 900.0


@dataclass(frozen=True)
class Output:
    """What an emulated process left: its exit code and what it printed."""

    code: int
    stdout: str
    stderr: str


def qemu_version(device: Device) -> str:
    """For the record, e.g. "7.2.22"."""
    said = run_tool([device.family.emulator, "--version"])
    return said.split("version ")[1].split()[0].rstrip(",")


def run_python(
    device: Device,
    sysroot: Sysroot,
    arguments: Sequence[str | Path],
    paths: Sequence[Path] = (),
    limit_seconds: float = DEFAULT_LIMIT_SECONDS,
    counter: Counter | None = None,
) -> Output:
    """Run the device's Python.

    Args:
        device, sysroot: what to emulate.
        arguments: after `python3`.
        paths: importable folders, before the packages.
        limit_seconds: of the host's clock, against an emulated process that hangs.
        counter: counts instructions into its file; None for none.

    Raises:
        GateFailed: killed by a signal, or not done within the limit.
    """
    command = python_command(device, sysroot, arguments, paths, counter)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=own_environment(), timeout=limit_seconds
        )
    except subprocess.TimeoutExpired as error:
        raise GateFailed(
            f"the emulated process was not done within {limit_seconds:g} s",
            f"it ran: python3 {' '.join(str(word) for word in arguments)}",
        ) from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise GateFailed(
            f"the emulated process was killed by {name}",
            f"it ran: python3 {' '.join(str(word) for word in arguments)}",
        )
    return Output(done.returncode, done.stdout, done.stderr)


def python_command(
    device: Device,
    sysroot: Sysroot,
    arguments: Sequence[str | Path],
    paths: Sequence[Path] = (),
    counter: Counter | None = None,
) -> list[str]:
    """Words that start the device's Python; see `run_python`."""
    guest = {
        "PYTHONHOME": sysroot.root / "usr",
        "PYTHONPATH": os.pathsep.join(str(path) for path in (*paths, sysroot.site)),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",  # equal runs then execute equal instructions
    }
    emulator = device.family.emulator
    counting = counter.qemu_arguments([emulator]) if counter else []
    command: list[str | Path] = [emulator, *counting, "-cpu", device.cpu, "-L", sysroot.root]
    for name, value in guest.items():
        command += ["-E", f"{name}={value}"]
    return [str(word) for word in (*command, sysroot.python(device), *arguments)]


def own_environment() -> dict[str, str]:
    """What an emulated process inherits of this one."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
