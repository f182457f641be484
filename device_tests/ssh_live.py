"""The program that a bundle for Linux carries, edge-ser-live, on a real device: its last reading of
every golden clip, to the bit. It needs nothing there but a kernel.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from device_tests.checks import Check
from device_tests.ssh_connection import Connection
from device_tests.ssh_failures import command_failure
from edge_ser import DIMENSIONS
from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.errors import GateFailed
from edge_ser.runtime.c import to_pcm

PROGRAM = "c/prebuilt/edge-ser-live"

_RUN = 'chmod u+x "$1" && exec "$1"'


def has_program(bundle: Bundle) -> bool:
    """Whether the bundle has the program and says what it must answer."""
    engine = bundle.manifest.c_engine
    return PROGRAM in bundle.manifest.files and engine is not None and bool(engine.readings)


def check_program(connection: Connection, bundle: Bundle, folder: str) -> Check:
    """Run it on every golden clip.

    Args:
        connection: to the device.
        bundle: open; `has_program`.
        folder: of the unpacked bundle there.

    Raises:
        GateFailed: it does not run there, or gives no reading.
    """
    engine = bundle.manifest.c_engine
    assert engine is not None
    readings = {
        name: _listen(connection, bundle, f"{folder}/{PROGRAM}", name) for name in engine.readings
    }
    differences = [
        abs(float(np.float32(readings[name][dimension])) - expected)
        for name, values in engine.readings.items()
        for dimension, expected in zip(DIMENSIONS, values, strict=True)
    ]
    return Check(
        engine="c",
        version=str(next(iter(readings.values()))["engine_version"]),
        artefact=PROGRAM,
        kind="golden",
        cases=len(readings),
        largest=max(differences),
        tolerance=0.0,
        passed=all(difference == 0.0 for difference in differences),
    )


def _listen(connection: Connection, bundle: Bundle, program: str, clip: str) -> dict[str, float]:
    doing = f"running {PROGRAM}"
    with tempfile.NamedTemporaryFile(prefix="edge-ser-", suffix=".pcm") as file:
        Path(file.name).write_bytes(to_pcm(read_clip(bundle, clip)).astype("<i2").tobytes())
        output = connection.run(_RUN, program, doing=doing, data=Path(file.name))
    if output.code != 0:
        raise command_failure(connection.host, doing, output.code, output.stderr)
    try:
        last: dict[str, float] = json.loads(output.stdout.splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise GateFailed(f"{PROGRAM} gave no reading of {clip} on {connection.host}") from error
    return last
