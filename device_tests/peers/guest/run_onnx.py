"""Runs on the emulated device: an ONNX model some number of times, its outputs into a file.

    python3 run_onnx.py MODEL INPUT.npy RUNS OUTPUT.npz

One thread, which never waits by spinning. Prints ONNX Runtime's version.
"""

from __future__ import annotations

import os
import sys

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # it would report the model to its maker
import onnxruntime

model, codes, runs, output = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
feed = {session.get_inputs()[0].name: np.load(codes)}
for _ in range(int(runs)):
    results = session.run(None, feed)
np.savez(output, *results)
print(onnxruntime.__version__)
