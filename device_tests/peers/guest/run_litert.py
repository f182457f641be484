"""Runs on the emulated device: a TFLite file some number of times, its outputs into a file.

    python3 run_litert.py MODEL INPUT.npy RUNS KERNELS OUTPUT.npz

KERNELS is a name of LiteRT's OpResolverType. Prints LiteRT's version.
"""

from __future__ import annotations

import importlib.metadata
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

model, codes, runs, kernels, output = sys.argv[1:]
interpreter = Interpreter(
    model, num_threads=1, experimental_op_resolver_type=OpResolverType[kernels]
)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.load(codes))
for _ in range(int(runs)):
    interpreter.invoke()
results = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
np.savez(output, *results)
print(importlib.metadata.version("ai-edge-litert"))
