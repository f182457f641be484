"""edge-ser: from a large speech-emotion teacher to a verified file on a chip.

This package root stays free of third-party imports, so that the command line
starts at once and a device needs numpy, one runtime and audio I/O only.
"""

import os

# From 1.29 on, ONNX Runtime keeps a database in the user's home folder and reports the models that
# it loads to its maker, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

SAMPLE_RATE = 16_000
"""Every model here takes mono speech at this rate, in Hz."""

DIMENSIONS = ("arousal", "dominance", "valence")
"""Order of every output vector, about 0..1, not clipped."""
