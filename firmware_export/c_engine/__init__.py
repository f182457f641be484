"""The C engine: an int8 backbone, its front-end and head as dependency-free C99 sources.

`sources/` is hand-written and the same in every export; es_model.h and es_model.c are generated
from a bundle. Does not compile anything.
"""

from firmware_export.c_engine.write import SourceOptions, write_sources

__all__ = ["SourceOptions", "write_sources"]
