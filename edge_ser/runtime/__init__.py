"""Running a bundle: one small interface over LiteRT, tflite-runtime, ONNX Runtime and C.

Imports numpy and the standard library; a runtime is imported when it is asked for.
"""

from edge_ser.runtime.availability import ENGINE_ORDER, EngineStatus, available_engines
from edge_ser.runtime.engine import SHORTEST_SAMPLES, Engine, Kernels
from edge_ser.runtime.selection import default_artefact, load_engine, runs

__all__ = [
    "ENGINE_ORDER",
    "SHORTEST_SAMPLES",
    "Engine",
    "EngineStatus",
    "Kernels",
    "available_engines",
    "default_artefact",
    "load_engine",
    "runs",
]
