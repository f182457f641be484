"""What a real device is: processor, system, memory, and the tools that are there."""

from __future__ import annotations

from dataclasses import dataclass

from device_tests.ssh_connection import Connection
from edge_ser.errors import InputError
from firmware_export.targets import TARGETS, find_target

# The device tree names boards, /proc/cpuinfo names PCs. `uname -m` is the kernel's machine, and a
# 64-bit kernel may run 32-bit programs.
_SCRIPT = "; ".join(
    (
        'echo "kernel=$(uname -s)"',
        'echo "release=$(uname -r)"',
        'echo "machine=$(uname -m)"',
        'echo "bits=$(getconf LONG_BIT 2>/dev/null)"',
        'echo "board=$(cat /proc/device-tree/model 2>/dev/null | tr -d "\\0")"',
        'echo "processor=$(sed -n "s/^model name[^:]*: *//p" /proc/cpuinfo 2>/dev/null | head -1)"',
        'echo "features=$(sed -nE "s/^(Features|flags)[^:]*: *//p" /proc/cpuinfo 2>/dev/null'
        ' | head -1)"',
        'echo "cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null)"',
        'echo "memory=$(sed -n "s/^MemTotal: *//p" /proc/meminfo 2>/dev/null)"',
        'echo "load=$(cut -d " " -f 1 /proc/loadavg 2>/dev/null)"',
        'echo "python=$(python3 --version 2>/dev/null)"',
        'echo "compiler=$(command -v cc)"',
        "true",
    )
)

_ALSO_RUNS = {"armv7l": ("armv6l",)}
"""Programs for these machines run there too."""

_X86_LEVELS = {
    "x86-64-v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
    "x86-64-v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave", "sse4_2"},
}


@dataclass(frozen=True)
class RemoteMachine:
    """A device.

    Attributes:
        processor: the board's name, or the processor's.
        system: kernel, its release and machine, as uname says.
        machine: what its programs are for, as `uname -m` would say of a kernel of that kind.
        features: of the processor, as in /proc/cpuinfo.
        cores: usable ones; 0 where unknown.
        memory_bytes: RAM; 0 where unknown.
        load: average of the last minute when the test began; -1 where unknown.
        python: its python3's version; "" without one.
        compiler: path of its C compiler; "" without one.
    """

    processor: str
    system: str
    machine: str
    features: tuple[str, ...]
    cores: int
    memory_bytes: int
    load: float
    python: str
    compiler: str


def describe(connection: Connection) -> RemoteMachine:
    """Ask a device what it is.

    Raises:
        InputError: it does not run Linux.
        EdgeSerError: the connection broke.
    """
    printed = connection.succeed(_SCRIPT, doing="asking what it is")
    found = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    if found["kernel"] != "Linux":
        raise InputError(
            f"{connection.host} runs {found['kernel']}, and bundles are for Linux",
            "for a microcontroller: --device serial:PORT",
        )
    machine = found["machine"]
    kibibytes = found["memory"].split()
    return RemoteMachine(
        processor=found["board"] or found["processor"] or machine,
        system=f"{found['kernel']} {found['release']} {machine}",
        machine="armv7l" if machine in ("aarch64", "armv8l") and found["bits"] == "32" else machine,
        features=tuple(found["features"].split()),
        cores=int(found["cores"] or 0),
        memory_bytes=1024 * int(kibibytes[0]) if kibibytes else 0,
        load=float(found["load"] or -1),
        python=found["python"].removeprefix("Python ").strip(),
        compiler=found["compiler"],
    )


def check_target(host: str, machine: RemoteMachine, target: str) -> None:
    """Refuse a bundle for another kind of device.

    Raises:
        InputError: says which bundle the device takes.
    """
    wanted = find_target(target).machine
    usable = (machine.machine, *_ALSO_RUNS.get(machine.machine, ()))
    if wanted in usable:
        return
    fitting = [name for name, each in TARGETS.items() if each.machine in usable]
    raise InputError(
        f"the bundle is for {target}{f' ({wanted})' if wanted else ''}, and {host} is "
        f"{machine.machine}",
        f"export one for it: edge-ser export --target {fitting[0]}"
        if fitting
        else f"no target is of that kind; there are: {', '.join(TARGETS)}",
    )


def board_for(machine: RemoteMachine) -> str:
    """The board of the table whose build of the C engine suits the device best; "" if none does."""
    if machine.machine == "aarch64":
        return "cortex-a76" if "asimddp" in machine.features else "cortex-a53"
    if machine.machine == "armv7l":
        return "armv7" if {"neon", "vfpv4"} <= set(machine.features) else "armv6"
    return {"armv6l": "armv6", "x86_64": "host"}.get(machine.machine, "")


def flags_for(machine: RemoteMachine) -> tuple[str, ...]:
    """Flags of a C compiler for what the device has beyond what its board's build asks for."""
    if machine.machine != "x86_64":
        return ()
    level = [name for name, needed in _X86_LEVELS.items() if needed <= set(machine.features)]
    return (f"-march={level[-1]}",) if level else ()
