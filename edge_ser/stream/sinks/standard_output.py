"""Standard output without a buffer or a lock of Python's.

A sink's thread may hang in a write because nobody reads the pipe. If it hung inside
`sys.stdout`, the interpreter could not end: it flushes that at exit, and would wait for its lock.
"""

from __future__ import annotations

import io
import os
import sys

from edge_ser.errors import InputError
from edge_ser.stream.sinks.json_lines import Lines


class Descriptor:
    """Text straight into a file descriptor.

    Args:
        number: of the descriptor; not closed.
        encoding: what it cannot express becomes a question mark.
    """

    def __init__(self, number: int, encoding: str = "utf-8") -> None:
        self._number = number
        self.encoding = encoding

    def write(self, text: str) -> None:
        """All of it; waits while the reader does not read.

        Raises:
            BrokenPipeError: the reader is gone.
            InputError: it takes no more for another reason, e.g. a full disk.
        """
        left = text.encode(self.encoding, "replace")
        try:
            while left:
                left = left[os.write(self._number, left) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InputError(
                f"standard output cannot be written: {error.strerror}",
                "make room where it goes, or send it elsewhere; without it: --quiet, and e.g. "
                "--json-file, which outlives a full disk",
            ) from error

    def flush(self) -> None:
        """Nothing waits here."""

    def fileno(self) -> int:
        """The descriptor."""
        return self._number


def standard_output() -> Lines:
    """Where readings go; `sys.stdout` itself when it is no real file."""
    try:
        return Descriptor(sys.stdout.fileno(), sys.stdout.encoding)
    except (io.UnsupportedOperation, ValueError):
        return sys.stdout
