"""What the figures were measured on; without it a latency means nothing."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """The machine and how busy it was.

    Attributes:
        processor: model name.
        cores: logical, usable by this process.
        load: one-minute load average when the benchmark began; -1 where unknown.
        system: operating system and architecture.
        python: version.
    """

    processor: str
    cores: int
    load: float
    system: str
    python: str

    @property
    def busy(self) -> bool:
        """Whether other work was likely to disturb the times."""
        return self.load > 0.5 * self.cores

    @property
    def words(self) -> str:
        """What it is, for people."""
        return f"{self.processor}, {self.cores} cores, {self.system}, Python {self.python}"

    @property
    def caveats(self) -> list[str]:
        """What a reader of its times must know, in sentences; empty if nothing disturbed them."""
        if not self.busy:
            return []
        return [
            f"the machine was busy (load {self.load:.1f} on {self.cores} cores): times are high, "
            "ratios hold better"
        ]


def describe_machine() -> Machine:
    """This machine, now."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
    )


def _processor() -> str:
    """Boards name themselves in the device tree, PCs in /proc/cpuinfo."""
    board = Path("/proc/device-tree/model")
    if board.is_file():
        return board.read_text(errors="replace").strip("\0 \n")
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
