"""A text file that grows line by line for months, without ever filling the disk.

Each line is written at once and whole: after a full disk nothing of a half-written line is left.
When the file has reached its limit it becomes FILE.1, in place of an older one, and a new file is
begun; a file that somebody else has moved away (logrotate) or deleted is begun anew as well. The
file is for its owner's eyes. Non-goals: compression, more than one older file, fsync.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import stat
from pathlib import Path

from edge_ser.errors import InputError

LIMIT_BYTES = 256_000_000
"""Of one file; with the older one beside it twice as much."""

_log = logging.getLogger(__name__)


class AppendedFile:
    """Whole lines into one file.

    Args:
        path: is continued if it exists.
        header: first line of every file, without its end; "" for none.
        limit: bytes after which a new file is begun.

    Raises:
        InputError: the file cannot be written, is no plain file, or begins with another header.
    """

    def __init__(self, path: Path, header: str = "", limit: int = LIMIT_BYTES) -> None:
        self._path = path
        self._header = header
        self._limit = limit
        try:
            self._descriptor = self._open()
        except OSError as error:
            raise _unwritable(path, error) from error

    def write(self, text: str) -> None:
        """Append lines, with their ends.

        Raises:
            OSError: the disk is full, the folder is gone, ...; nothing of `text` is in the file.
        """
        data = text.encode()
        if self._moved():
            self._renew()
        elif self._size() + len(data) > self._limit:
            os.replace(self._path, self._older)
            _log.info("%s is full and goes on as a new file; the old one is %s", *self._names)
            self._renew()
        _write_whole(self._descriptor, data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    @property
    def _older(self) -> Path:
        return self._path.with_name(self._path.name + ".1")

    @property
    def _names(self) -> tuple[str, str]:
        return self._path.name, self._older.name

    def _open(self) -> int:
        # Not blocking: a pipe in place of the file must not hang the start.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, 0o600)
        try:
            self._check(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _check(self, descriptor: int) -> None:
        """Make sure that lines can follow what the file already holds."""
        _refuse_unless_plain(self._path, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another program is writing {self._path}", "name a file for each stream"
            ) from error
        header = _first_line(self._header)
        if _beginning(self._path, descriptor, header) != header:
            # Empty, or the computer lost power within the header.
            os.ftruncate(descriptor, 0)
            _write_whole(descriptor, header)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            # The computer lost power within a line.
            _write_whole(descriptor, b"\n")

    def _renew(self) -> None:
        mode = stat.S_IMODE(os.fstat(self._descriptor).st_mode)
        descriptor = self._open()
        os.close(self._descriptor)
        self._descriptor = descriptor
        os.fchmod(descriptor, mode)

    def _moved(self) -> bool:
        try:
            return not os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return True

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size


def check_appendable(path: Path, header: str = "") -> None:
    """Look at a file that exists as `AppendedFile` does, without creating or changing any.

    It takes no lock: that a stream writes the file just now is no reason to refuse it.

    Raises:
        InputError: it cannot be written, is no plain file, or begins with another header.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        _refuse_unless_plain(path, descriptor)
        _beginning(path, descriptor, _first_line(header))
    finally:
        os.close(descriptor)


def _first_line(header: str) -> bytes:
    return f"{header}\n".encode() if header else b""


def _refuse_unless_plain(path: Path, descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise InputError(f"{path} is not a plain file", "name another one")


def _beginning(path: Path, descriptor: int, header: bytes) -> bytes:
    """What the file holds of its header, which may be cut short; another one is refused."""
    begin = os.pread(descriptor, len(header), 0)
    if not header.startswith(begin):
        raise InputError(
            f"{path} does not begin as this version's files do",
            "name a new file, or move this one away",
        )
    return begin


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot write {path}: {error.strerror}",
        "does its folder exist, and may you write there?",
    )


def _write_whole(descriptor: int, data: bytes) -> None:
    """All of it, or nothing and an error."""
    size = os.fstat(descriptor).st_size
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
