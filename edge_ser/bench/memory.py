"""Starts a fresh process per engine and reads its memory figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_ser.bench.candidates import Candidate
from edge_ser.errors import EdgeSerError, EnvironmentMissing

_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Footprint:
    """Memory of one engine in its own process, in bytes; see `edge_ser.bench.footprint`.

    Attributes:
        floor: resident with runtime, numpy and audio, before the model.
        after_load, after_runs: resident later.
        peak: largest resident since the floor.
        beyond_floor: `peak - floor`.
        library_pages: part of the growth that is file-backed: the runtime's own code.
        peak_counter_reset: False where the kernel did not let the peak be reset, so that it
            may stem from the imports.
        import_seconds, load_seconds, first_run_seconds: cold, in that process.
    """

    floor: int
    after_load: int
    after_runs: int
    peak: int
    beyond_floor: int
    library_pages: int
    peak_counter_reset: bool
    import_seconds: float
    load_seconds: float
    first_run_seconds: float

    @property
    def working(self) -> int:
        """Beyond the floor without the runtime's own code: what the model itself needs."""
        return self.beyond_floor - self.library_pages


def footprint(
    bundle: Path, candidate: Candidate, checkpoint: Path | None, threads: int, seconds: float
) -> Footprint:
    """Measure one candidate in a new process.

    Raises:
        EnvironmentMissing: the kernel offers no /proc/self/status.
        EdgeSerError: the process failed; its last line is the message.
    """
    if not Path("/proc/self/status").is_file():
        raise EnvironmentMissing(
            "memory is read from /proc/self/status, which this system lacks",
            "run `edge-ser bench` on Linux, or add --no-memory",
        )
    request = {
        "bundle": str(bundle),
        "candidate": asdict(candidate),
        "checkpoint": str(checkpoint) if checkpoint else None,
        "threads": threads,
        "seconds": seconds,
    }
    command = [sys.executable, "-m", "edge_ser.bench.footprint", json.dumps(request)]
    # The libraries' own pools would otherwise start a thread, with its stack, per core.
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise EdgeSerError(f"the memory measurement of {candidate.name} failed: {last}")
    return Footprint(**json.loads(done.stdout.strip().splitlines()[-1]))
