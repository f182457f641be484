"""A program for tests: listens through `open_source` and says what it hears, as JSON lines.

PortAudio and ALSA read their configuration once per process, so a test that has a sound system
of its own also needs a process of its own.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from edge_ser.errors import EdgeSerError
from edge_ser.stream.capture import open_source
from edge_ser.stream.options import InputOptions

REPORT_SECONDS = 0.2


def main() -> int:
    """Until standard input ends; argument: `InputOptions` as JSON."""
    options = InputOptions(**json.loads(sys.argv[1]))
    try:
        listen(options)
    except EdgeSerError as error:
        print(json.dumps({"error": str(error), "hint": error.hint}), flush=True)
        return error.exit_code
    return 0


def listen(options: InputOptions) -> None:
    """Report until the source or the reader ends."""
    samples = 0
    with open_source(options) as source:
        while True:
            heard = []
            until = time.monotonic() + REPORT_SECONDS
            while time.monotonic() < until:
                block = source.read()
                if block is None:
                    return
                heard.append(block)
                time.sleep(0.02)
            newest = np.concatenate(heard)
            samples += len(newest)
            report = {
                "samples": samples,
                "loudest": float(np.abs(newest).max(initial=0)),
                "connected": source.connected,
                "rate": source.rate,
                **vars(source.counters),
            }
            print(json.dumps(report), flush=True)


if __name__ == "__main__":
    sys.exit(main())
