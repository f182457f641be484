"""What a program did to files and sockets: each path opened to write, each byte sent.

By `strace` (Linux). Programs that the traced one starts are included.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WRITES = frozenset(
    {
        *("write", "writev", "pwrite64", "pwritev", "pwritev2"),
        *("sendto", "sendmsg", "sendmmsg", "process_vm_writev"),
    }
)
"""Calls that carry bytes out of the program."""

OPENS = frozenset({"open", "openat", "openat2", "creat"})
CHANGES = frozenset(
    {
        *("mkdir", "mkdirat", "mknod", "mknodat", "rename", "renameat", "renameat2"),
        *("link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir"),
        *("truncate", "ftruncate", "fallocate"),
    }
)
"""Calls that change a file system without an open file's bytes."""

UNSEEN = frozenset({"io_uring_setup", "sendfile", "splice", "tee", "vmsplice", "copy_file_range"})
"""Calls that carry bytes past the eyes of this module."""

_FOR_WRITING = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)")
_HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\w+|\?)(.*)")
_UNFINISHED = re.compile(r"(\d+) +(\w+\(.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)")


@dataclass(frozen=True)
class Call:
    """One system call that ended.

    Attributes:
        name: of it.
        arguments: as strace writes them, strings as hexadecimal escapes.
        result: what it returned.
    """

    name: str
    arguments: str
    result: str

    @property
    def failed(self) -> bool:
        """It changed nothing."""
        return self.result.startswith("-")

    @property
    def content(self) -> bytes:
        """All of its strings, one after the other; for a write, what was written."""
        return b"".join(_bytes(found[1]) for found in _STRING.finditer(self.arguments))

    @property
    def target(self) -> str:
        """The file or the connection behind its first descriptor, e.g. "UDP:[127.0.0.1:9]"."""
        found = re.match(r"\d+<((?:->|[^<>]|<[^<>]*>)*)>", self.arguments)
        return _text(found[1]) if found else ""


def strace(output: Path, everything: bool = False) -> tuple[str, ...]:
    """Words to put before a command, so that `calls` can read what it did.

    Args:
        output: is written.
        everything: also calls that carry nothing out, their strings cut short.
    """
    program = shutil.which("strace")
    assert program, "the privacy tests need strace: sudo apt-get install strace"
    names = ",".join(sorted(WRITES | OPENS | CHANGES | UNSEEN | {"connect"}))
    chosen = (
        ("-s", "64") if everything else ("-s", "4000000", "--seccomp-bpf", "-e", f"trace={names}")
    )
    return (program, "-f", "-qq", "-yy", "-xx", *chosen, "-e", "signal=none", "-o", str(output))


def calls(output: Path) -> Iterator[Call]:
    """What `strace` wrote, in the order in which the calls ended."""
    begun: dict[str, str] = {}
    for line in output.read_text(encoding="ascii", errors="replace").splitlines():
        unfinished, resumed = _UNFINISHED.fullmatch(line), _RESUMED.fullmatch(line)
        if unfinished:
            begun[unfinished[1]] = unfinished[2]
            continue
        if resumed:
            line = f"{resumed[1]} {begun.pop(resumed[1])}{resumed[3]}"
        complete = _LINE.fullmatch(line)
        if complete:
            yield Call(complete[2], complete[3], complete[4])


def touched(output: Path) -> set[str]:
    """Paths that were opened to be written, or created, renamed, removed, cut."""
    found = set()
    for call in calls(output):
        assert call.name not in UNSEEN or call.failed, call
        opened = call.name in OPENS and _FOR_WRITING.search(call.arguments) is not None
        if call.failed or not (opened or call.name == "creat" or call.name in CHANGES):
            continue
        paths = [_bytes(string[1]).decode() for string in _STRING.finditer(call.arguments)]
        found |= set(paths or [call.target])
    return found


def sent(output: Path) -> dict[str, bytes]:
    """Everything that left, by the file or connection that it went into."""
    found: dict[str, bytes] = {}
    for call in calls(output):
        if call.name in WRITES and not call.failed:
            assert '"...' not in call.arguments, "strace has cut a string short"
            found[call.target] = found.get(call.target, b"") + call.content
    return found


def peers(output: Path) -> set[str]:
    """Internet addresses that were connected to or sent to."""
    pattern = re.compile(r'inet_addr\("([^"]*)"\)|inet_pton\(AF_INET6, "([^"]*)"')
    return {
        _text(found[1] or found[2])
        for call in calls(output)
        for found in pattern.finditer(call.arguments)
    }


def _bytes(escapes: str) -> bytes:
    return bytes.fromhex(escapes.replace("\\x", ""))


def _text(escapes: str) -> str:
    return _HEX.sub(lambda found: _bytes(found[0]).decode(errors="replace"), escapes)
