"""Memory of one engine in a process of its own.

Run as `python -m edge_ser.bench.footprint` by `edge_ser.bench.memory`; prints one JSON object.

The *floor* is the resident memory of a process in which Python, numpy (warmed by a matrix
product and a Fourier transform), the runtime's package and the 5 s of audio are loaded and
no model is. The kernel's peak counter is reset there. What the peak then exceeds it by,
over loading and several inferences, is the model's: its weights, its arena, its copies.
A part of that growth is code of the runtime's own library, read from disk when it is first
used; it is told apart by the kernel's count of file-backed pages, which processes share.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from edge_ser.bench.candidates import TORCH, Candidate, bench_audio, load
from edge_ser.bundle import open_bundle
from edge_ser.errors import EdgeSerError

INFERENCES = 5
_MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "onnxruntime": "onnxruntime",
    "c": "edge_ser.runtime.c",
    TORCH: "torch",
}
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def measure(
    bundle_path: Path, candidate: Candidate, checkpoint: Path | None, threads: int, seconds: float
) -> dict[str, Any]:
    """Memory in bytes and times in seconds of this process; call it in a fresh one."""
    start = time.perf_counter()
    importlib.import_module(_MODULES[candidate.engine])
    if candidate.engine == TORCH:
        importlib.import_module("edge_ser.students.catalogue")
        importlib.import_module("safetensors.torch")
    else:
        importlib.import_module("edge_ser.runtime.host")
    import_seconds = time.perf_counter() - start
    with open_bundle(bundle_path) as bundle:
        audio = bench_audio(bundle, seconds)
        _warm_numpy()
        gc.collect()
        reset = _reset_peak()
        floor = memory_status()
        start = time.perf_counter()
        predict = load(candidate, bundle, checkpoint, threads)
        load_seconds = time.perf_counter() - start
    loaded = memory_status()
    start = time.perf_counter()
    predict(audio)
    first_seconds = time.perf_counter() - start
    for _ in range(INFERENCES - 1):
        predict(audio)
    done = memory_status()
    return {
        "floor": floor["VmRSS"],
        "after_load": loaded["VmRSS"],
        "after_runs": done["VmRSS"],
        "peak": done["VmHWM"],
        "beyond_floor": done["VmHWM"] - floor["VmRSS"],
        "library_pages": max(0, done["RssFile"] - floor["RssFile"]),
        "peak_counter_reset": reset,
        "import_seconds": import_seconds,
        "load_seconds": load_seconds,
        "first_run_seconds": first_seconds,
    }


def memory_status() -> dict[str, int]:
    """The kernel's figures for this process, in bytes: VmRSS, VmHWM, RssAnon, RssFile."""
    found = {}
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM", "RssAnon", "RssFile"):
            found[name] = int(value.split()[0]) * 1024
    return found


def _warm_numpy() -> None:
    """Load what numpy loads on first use, so that it does not count as the model's."""
    square = np.ones((64, 64))
    np.fft.rfft(square @ square, axis=1)


def _reset_peak() -> bool:
    """Set the kernel's VmHWM to the present; not every sandbox allows it."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def main() -> int:
    """Read the request from the command line, print the figures."""
    request = json.loads(sys.argv[1])
    checkpoint = request["checkpoint"]
    try:
        figures = measure(
            Path(request["bundle"]),
            Candidate(**request["candidate"]),
            Path(checkpoint) if checkpoint else None,
            request["threads"],
            request["seconds"],
        )
    except EdgeSerError as error:
        print(f"{error} {error.hint}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
