"""Running a measured program on its board: what it printed, and its instruction counts."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from device_tests.build import Program
from device_tests.instructions import Counter, read_counts
from device_tests.launch import run_command
from edge_ser.errors import GateFailed

LIMIT_SECONDS = 600.0


def run_counted(
    program: Program, cache: Path, who: str, say: Callable[[str], None]
) -> tuple[str, list[int]]:
    """Run to the end.

    Args:
        program: compiled for its board.
        cache: folder for everything that is made once.
        who: runs there, for messages.
        say: told before something slow.

    Returns:
        Standard output, and the instructions of each measurement.

    Raises:
        GateFailed: it hangs or fails.
    """
    board = program.board.name
    with tempfile.TemporaryDirectory(prefix="edge-ser-count-") as scratch:
        counter = Counter(Path(scratch, "counts"), cache)
        command = run_command(program, cache, counter, say)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise GateFailed(f"{who} hangs on {board}") from error
        if done.returncode != 0:
            said = done.stderr.strip()[-200:]
            raise GateFailed(f"{who} failed on {board} with code {done.returncode}: {said}")
        return done.stdout.strip(), [count.total for count in read_counts(counter.file)]
