"""Runs on an emulated device: predicts the clips that arrive on standard input until it ends.

A clip is its length (uint32) and its samples (float32); the answer is A/D/V (3 float32). Little
endian, as all these devices are. Needs edge-ser and numpy only; see `predictor`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge_ser.bundle import open_bundle
from edge_ser.runtime import load_engine


def listen(bundle_path: Path, engine_name: str) -> None:
    """Answer until the input ends."""
    with open_bundle(bundle_path) as bundle:
        engine = load_engine(bundle, engine_name)
        while header := sys.stdin.buffer.read(4):
            samples = int.from_bytes(header, "little")
            audio = np.frombuffer(sys.stdin.buffer.read(4 * samples), "<f4").astype(np.float32)
            sys.stdout.buffer.write(engine.predict(audio).astype("<f4").tobytes())
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    listen(Path(sys.argv[1]), sys.argv[2])
