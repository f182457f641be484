"""Unpacking an untrusted bundle archive.

The archive starts with the manifest, so the name and size of every later member are known
before it is read: no byte is written that the manifest does not announce, and no more bytes
are decompressed than it announces. Only regular files are accepted. The contents' hashes are
checked by the reader afterwards, as for a folder.
"""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path
from typing import BinaryIO

from edge_ser.bundle.manifest import (
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    Manifest,
)
from edge_ser.errors import BundleRefused

_HINT = "a bundle is the archive that `edge-ser export` wrote, unchanged: copy it again"
_HEADER_ALLOWANCE = 64_000
"""Bytes of tar headers and padding allowed before the manifest is known."""

_MEMBER_ALLOWANCE = 2_048
"""Bytes of header and padding allowed for each file the manifest lists."""


class _Budget:
    """A decompressed stream that refuses to give more bytes than allowed."""

    def __init__(self, stream: BinaryIO, allowed: int) -> None:
        self._stream = stream
        self.remaining = allowed

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self.remaining + 1))
        self.remaining -= len(data)
        if self.remaining < 0:
            raise BundleRefused("the archive holds more bytes than its manifest announces", _HINT)
        return data


def unpack(archive: BinaryIO, folder: Path) -> None:
    """Write the archive's files into an empty folder.

    Args:
        archive: gzip-compressed tar, positioned at its start.
        folder: exists and is empty; nothing is written outside of it.

    Raises:
        BundleRefused: damaged, truncated, or with any member that the manifest does not
            announce: links, devices, folders, duplicates, odd names, wrong sizes.
    """
    try:
        _unpack(archive, folder)
    except BundleRefused:
        raise
    except Exception as error:
        # The parsers below meet hostile bytes and raise more than their own errors, e.g.
        # RecursionError for a chain of extended headers. Whatever it was: not a bundle.
        raise BundleRefused(f"the archive cannot be read: {error!r:.200}", _HINT) from error


def _unpack(archive: BinaryIO, folder: Path) -> None:
    with gzip.GzipFile(fileobj=archive, mode="rb") as decompressed:
        budget = _Budget(decompressed, MAX_MANIFEST_BYTES + _HEADER_ALLOWANCE)  # type: ignore[arg-type]
        with tarfile.open(fileobj=budget, mode="r|") as members:  # type: ignore[call-overload]
            prefix, manifest = _read_manifest(members, folder)
            announced = sum(entry.bytes for entry in manifest.files.values())
            budget.remaining = announced + _MEMBER_ALLOWANCE * len(manifest.files)
            budget.remaining += _HEADER_ALLOWANCE
            _write_members(members, manifest, prefix, folder)
        while budget.read(65_536):  # the gzip checksum stands at the very end
            pass


def _read_manifest(members: tarfile.TarFile, folder: Path) -> tuple[str, Manifest]:
    first = members.next()
    if first is None:
        raise BundleRefused("the archive is empty", _HINT)
    prefix, slash, name = first.name.rpartition("/")
    if name != MANIFEST_NAME or "/" in prefix or not _is_plain_file(first):
        raise BundleRefused(f"the archive does not begin with its {MANIFEST_NAME}", _HINT)
    if first.size > MAX_MANIFEST_BYTES:
        raise BundleRefused(f"the archive's {MANIFEST_NAME} has {first.size} bytes", _HINT)
    data = _contents(members, first)
    (folder / MANIFEST_NAME).write_bytes(data)
    return prefix + slash, manifest_of(data)


def manifest_of(data: bytes) -> Manifest:
    """The manifest in these bytes.

    Raises:
        BundleRefused: not UTF-8, or not a valid manifest.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleRefused(f"{MANIFEST_NAME} is not UTF-8 text", _HINT) from error
    return Manifest.from_json(text)


def _write_members(members: tarfile.TarFile, manifest: Manifest, prefix: str, folder: Path) -> None:
    waiting = dict(manifest.files)
    while (member := members.next()) is not None:
        path = member.name.removeprefix(prefix) if member.name.startswith(prefix) else ""
        if path not in waiting:
            raise BundleRefused(
                f"the archive holds {member.name!r:.120}, which its manifest does not list, "
                "or holds it twice",
                _HINT,
            )
        if not _is_plain_file(member):
            raise BundleRefused(f"{path} in the archive is a link, device or folder", _HINT)
        if member.size != waiting.pop(path).bytes:
            raise BundleRefused(f"{path} in the archive has another size than announced", _HINT)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_contents(members, member))


def _is_plain_file(member: tarfile.TarInfo) -> bool:
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


def _contents(members: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = members.extractfile(member)
    data = file.read() if file is not None else b""
    if len(data) != member.size:
        raise BundleRefused(f"the archive ends within {member.name!r:.120}", _HINT)
    return data
