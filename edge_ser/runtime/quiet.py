"""Keeping a native library's start-up notices off the user's terminal.

LiteRT prints "INFO: Created TensorFlow Lite XNNPACK delegate for CPU." straight to file
descriptor 2 and has no setting against it. Errors still arrive, as exceptions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def native_stderr_hidden() -> Iterator[None]:
    """Point file descriptor 2 at nothing within the block; does nothing if it is closed."""
    try:
        kept = os.dup(_STDERR)
    except OSError:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nowhere)
