"""The processor families of the emulated Linux devices: what each tool calls them.

A table, no mechanism.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """One processor family.

    Attributes:
        name: dpkg's.
        emulator: qemu's program for one process of it.
        libraries: folder of its shared libraries below usr/lib.
        wheels: platform tags of wheels that run there: glibc up to Debian 12's 2.36.
        cpuinfo: what /proc/cpuinfo says of a core, with {implementer} and {part}.
    """

    name: str
    emulator: str
    libraries: str
    wheels: tuple[str, ...]
    cpuinfo: str


def _wheel_tags(machine: str) -> tuple[str, ...]:
    return (
        f"manylinux2014_{machine}",
        *(f"manylinux_2_{minor}_{machine}" for minor in (27, 28, 31, 34)),
    )


ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Architecture(
            name="arm64",
            emulator="qemu-aarch64",
            libraries="aarch64-linux-gnu",
            wheels=_wheel_tags("aarch64"),
            cpuinfo="BogoMIPS\t: 108.00\n"
            "Features\t: fp asimd evtstrm crc32 cpuid\n"
            "CPU implementer\t: {implementer}\n"
            "CPU architecture: 8\n"
            "CPU variant\t: 0x0\n"
            "CPU part\t: {part}\n"
            "CPU revision\t: 3\n",
        ),
        Architecture(
            name="armhf",
            emulator="qemu-arm",
            libraries="arm-linux-gnueabihf",
            wheels=_wheel_tags("armv7l"),
            cpuinfo="model name\t: ARMv7 Processor rev 5 (v7l)\n"
            "BogoMIPS\t: 38.40\n"
            "Features\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt lpae\n"
            "CPU implementer\t: {implementer}\n"
            "CPU architecture: 7\n"
            "CPU variant\t: 0x0\n"
            "CPU part\t: {part}\n"
            "CPU revision\t: 5\n",
        ),
    )
}
