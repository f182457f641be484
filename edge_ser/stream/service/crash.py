"""No sound in what a crash leaves behind: a process forbids dumps of its memory.

Non-goals: a debugger that somebody with the rights attaches, and hibernation.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_FILTER = Path("/proc/self/coredump_filter")
"""Which parts of the memory a dump holds, core(5); Linux only."""


def forbid_memory_dumps() -> None:
    """From now on neither this process nor its children leave their memory in a core dump.

    Some crash collectors get a dump through a pipe, whatever the limit on a dump's size says;
    what they get then holds none of the memory.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        _FILTER.write_text("0\n")
