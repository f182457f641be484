"""Child process of the doctor: load one engine and answer once.

`python -m edge_ser.doctor.probe ENGINE [BUNDLE]` prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from edge_ser import SAMPLE_RATE
from edge_ser.bundle import open_bundle
from edge_ser.errors import EdgeSerError
from edge_ser.models import shipped
from edge_ser.runtime import load_engine

_TONE_HZ = 220.0


def probe(engine: str, bundle_path: Path) -> dict[str, object]:
    """Load the engine's default model and predict a tone of the window's length, once."""
    with open_bundle(bundle_path) as bundle:
        loaded = load_engine(bundle, engine)
        samples = round(bundle.manifest.window_seconds * SAMPLE_RATE)
    tone = np.sin(2 * np.pi * _TONE_HZ / SAMPLE_RATE * np.arange(samples)).astype(np.float32)
    start = time.perf_counter()
    values = loaded.predict(0.1 * tone)
    seconds = time.perf_counter() - start
    return {
        "artefact": loaded.artefact,
        "seconds_of_audio": samples / SAMPLE_RATE,
        "milliseconds": 1000 * seconds,
        "finite": bool(np.isfinite(values).all()),
    }


def main(words: list[str]) -> int:
    """Print the result as JSON, or the error as text."""
    try:
        bundle = Path(words[1]) if len(words) > 1 else shipped("bundle")
        print(json.dumps(probe(words[0], bundle)))
    except EdgeSerError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
