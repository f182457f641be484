"""Exact incremental inference: a stream's windows, each sample computed once.

A window's values equal those of one offline pass over the whole stream, with the front-end's
running level, pooled over the window's frames. docs/STREAMING_EXACT.md defines it and measures it.
"""

from edge_ser.runtime.incremental.engine import Estimate, IncrementalEngine
from edge_ser.runtime.incremental.load import load_incremental

__all__ = ["Estimate", "IncrementalEngine", "load_incremental"]
