"""The folder `c/` of a bundle: the C engine as a firmware team takes it.

Sources, build files for five build systems around one source tree, a library and a program built
for the target, and a README with this bundle's numbers. The engine itself is c_engine's.
"""

from firmware_export.c_handoff.handoff import CHandoff, write_c

__all__ = ["CHandoff", "write_c"]
