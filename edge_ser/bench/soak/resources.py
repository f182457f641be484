"""What a process holds, read from outside, and whether it grows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_ser.errors import EnvironmentMissing


@dataclass(frozen=True)
class Resources:
    """Of a process at one moment.

    Attributes:
        hours: of audio it had heard.
        resident: bytes of memory.
        descriptors, threads: open at that moment.
    """

    hours: float
    resident: int
    descriptors: int
    threads: int


def resources_of(pid: int, hours: float) -> Resources:
    """Read them from /proc.

    Raises:
        EnvironmentMissing: the system has no /proc/PID/statm.
        OSError: the process has ended.
    """
    process = Path("/proc") / str(pid)
    if not Path("/proc/self/statm").is_file():
        raise EnvironmentMissing(
            "memory is read from /proc, which this system lacks", "run the soak on Linux"
        )
    pages = int((process / "statm").read_text().split()[1])
    return Resources(
        hours=hours,
        resident=pages * os.sysconf("SC_PAGE_SIZE"),
        descriptors=len(os.listdir(process / "fd")),
        threads=len(os.listdir(process / "task")),
    )


@dataclass(frozen=True)
class Growth:
    """Of resident memory after the warm-up.

    Attributes:
        fitted: bytes; slope of the straight line of least squares, times the time it covers.
        risen: bytes; median of the last tenth of the samples less that of the first tenth.
        samples: behind both.
    """

    fitted: float
    risen: float
    samples: int

    @property
    def worst(self) -> float:
        """The larger of the two, bytes."""
        return max(self.fitted, self.risen)


FEWEST_SAMPLES = 20


def growth(samples: Sequence[Resources], warm_up_hours: float) -> Growth:
    """How much resident memory grew from the end of the warm-up to the last sample.

    Raises:
        ValueError: fewer than `FEWEST_SAMPLES` after the warm-up.
    """
    kept = [sample for sample in samples if sample.hours >= warm_up_hours]
    if len(kept) < FEWEST_SAMPLES:
        raise ValueError(f"{len(kept)} samples after the warm-up cannot show growth")
    hours = np.array([sample.hours for sample in kept])
    resident = np.array([sample.resident for sample in kept], dtype=np.float64)
    slope = np.polyfit(hours - hours[0], resident, 1)[0]
    tenth = max(1, len(kept) // 10)
    return Growth(
        fitted=float(slope * (hours[-1] - hours[0])),
        risen=float(np.median(resident[-tenth:]) - np.median(resident[:tenth])),
        samples=len(kept),
    )
