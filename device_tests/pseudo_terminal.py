"""An emulated board whose UART is a pseudo-terminal: a serial port to try without a board."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edge_ser.errors import GateFailed

_LIMIT_SECONDS = 30.0
_ANNOUNCED = re.compile(rb"redirected to (/dev/\S+)")


@contextmanager
def uart_as_serial_port(command: Sequence[str]) -> Iterator[str]:
    """Start qemu so that its UART is a pseudo-terminal; its path. The emulator ends with it.

    Args:
        command: from `launch.run_command`, of a program with the transport "uart".

    Raises:
        GateFailed: qemu did not start.
    """
    words = ["pty" if word == "stdio" else word for word in command]
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        yield _wait_for_path(process.stdout.fileno())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _wait_for_path(output: int) -> str:
    said = b""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not (found := _ANNOUNCED.search(said + b" ")) or b"\n" not in said:
        ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(output, 4096) if ready else b""
        if not piece:
            raise GateFailed(f"qemu offered no pseudo-terminal; it said {said[-200:]!r}")
        said += piece
    return found.group(1).decode()
