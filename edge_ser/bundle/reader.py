"""Opening a bundle: every name, size and SHA-256 is checked before anything is loaded.

A folder or a `.tar.gz` (unpacked into a temporary folder). Nothing in it is executed. Only an
archive's hard links are refused: in a folder they are plain files, and installers make them.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO, cast

from edge_ser.bundle.archive import manifest_of, unpack
from edge_ser.bundle.manifest import (
    MANIFEST_NAME,
    MAX_BUNDLE_BYTES,
    MAX_MANIFEST_BYTES,
    FileEntry,
    Manifest,
)
from edge_ser.errors import BundleRefused, InputError

_COPY_AGAIN = "the copy is damaged or was changed: copy the bundle again, or export it again"
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass
class Bundle:
    """A validated bundle; a context manager, because an archive's temporary folder must go.

    Attributes:
        root: folder with the files.
        manifest: what it contains.
        sha256: of the archive, or of the manifest where the bundle is a folder.
    """

    root: Path
    manifest: Manifest
    sha256: str
    _temporary: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    def path(self, relative: str) -> Path:
        """Path of a listed file.

        Raises:
            BundleRefused: the manifest does not list it.
        """
        self._entry(relative)
        return self.root / relative

    def read(self, relative: str) -> bytes:
        """Bytes of a listed file, hashed again, so that what is loaded is what was checked.

        Raises:
            BundleRefused: not listed, or changed since the bundle was opened.
        """
        entry = self._entry(relative)
        data = _read_regular(self.root, relative, entry.bytes)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise BundleRefused(f"{relative} does not match its SHA-256", _COPY_AGAIN)
        return data

    def unlisted(self) -> list[str]:
        """Files in the folder that the manifest does not list; they are never loaded."""
        found = (path for path in self.root.rglob("*") if not path.is_dir())
        names = (path.relative_to(self.root).as_posix() for path in found)
        return sorted(set(names) - set(self.manifest.files) - {MANIFEST_NAME})

    def close(self) -> None:
        """Remove the temporary folder of an archive."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def _entry(self, relative: str) -> FileEntry:
        entry = self.manifest.files.get(relative)
        if entry is None:
            raise BundleRefused(
                f"the bundle has no {relative}", f"it has: {', '.join(self.manifest.models)}"
            )
        return entry

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_bundle(path: Path, expect_sha256: str | None = None) -> Bundle:
    """Open and check a bundle.

    Args:
        path: folder or `.tar.gz`.
        expect_sha256: hex SHA-256 that the archive must have (for a folder: that its
            `manifest.json` must have, which in turn binds every other file).

    Raises:
        InputError: nothing there, or neither a folder nor a gzip archive.
        BundleRefused: damaged, incompatible, unsafe, or not the expected one.
    """
    try:
        if path.is_dir():
            return _open_folder(path, expect_sha256)
        with path.open("rb") as archive:
            return _open_archive(archive, path, expect_sha256)
    except FileNotFoundError as error:
        raise InputError(
            f"no bundle {path}", "a bundle is a folder with manifest.json, or its .tar.gz"
        ) from error
    except OSError as error:
        raise BundleRefused(f"the bundle {path} cannot be read: {error}", _COPY_AGAIN) from error


def _open_folder(folder: Path, expect_sha256: str | None) -> Bundle:
    if not (folder / MANIFEST_NAME).exists():
        raise BundleRefused(
            f"{folder} has no {MANIFEST_NAME}", "name the folder that `edge-ser export` wrote"
        )
    data = _read_regular(folder, MANIFEST_NAME, None)
    digest = hashlib.sha256(data).hexdigest()
    _check_expected(digest, expect_sha256, MANIFEST_NAME)
    manifest = manifest_of(data)
    for relative, entry in manifest.files.items():
        _check_file(folder, relative, entry)
    return Bundle(folder, manifest, digest)


def _open_archive(archive: BinaryIO, path: Path, expect_sha256: str | None) -> Bundle:
    status = os.fstat(archive.fileno())
    if not stat.S_ISREG(status.st_mode) or archive.read(2) != _GZIP_MAGIC:
        raise InputError(
            f"{path} is neither a folder nor a gzip archive", "a bundle is a folder or a .tar.gz"
        )
    if status.st_size > MAX_BUNDLE_BYTES:
        raise BundleRefused(f"{path} has {status.st_size} bytes; at most {MAX_BUNDLE_BYTES}")
    archive.seek(0)
    digest = hashlib.file_digest(cast(io.BufferedReader, archive), "sha256").hexdigest()
    _check_expected(digest, expect_sha256, str(path))
    archive.seek(0)
    temporary = tempfile.TemporaryDirectory(prefix="edge-ser-bundle-")
    try:
        unpack(archive, Path(temporary.name))
        bundle = _open_folder(Path(temporary.name), None)
    except BaseException:
        temporary.cleanup()
        raise
    return Bundle(bundle.root, bundle.manifest, digest, temporary)


def _check_expected(digest: str, expected: str | None, what: str) -> None:
    if expected is not None and digest != expected.strip().lower():
        raise BundleRefused(
            f"{what} has SHA-256 {digest}, not the expected {expected.strip():.80}",
            "do not use it: get the bundle again from whoever gave you the hash",
        )


def _check_file(folder: Path, relative: str, entry: FileEntry) -> None:
    data = _read_regular(folder, relative, entry.bytes)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise BundleRefused(f"{relative} does not match its SHA-256", _COPY_AGAIN)


def _read_regular(folder: Path, relative: str, size: int | None) -> bytes:
    """Bytes of a regular file reached through no link inside `folder`; `size` None: any small."""
    path = folder / relative
    below = len(PurePosixPath(relative).parts)
    if any(part.is_symlink() for part in (path, *path.parents[: below - 1])):
        raise BundleRefused(f"{relative} is a symbolic link", "a bundle holds plain files only")
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleRefused(f"{relative} is missing from the bundle", _COPY_AGAIN) from error
    if not stat.S_ISREG(status.st_mode):
        raise BundleRefused(f"{relative} is not a regular file", "a bundle holds plain files only")
    if size is None and status.st_size > MAX_MANIFEST_BYTES:
        raise BundleRefused(f"{relative} has {status.st_size} bytes", _COPY_AGAIN)
    if size is not None and status.st_size != size:
        raise BundleRefused(
            f"{relative} has {status.st_size} bytes, the manifest says {size}", _COPY_AGAIN
        )
    return path.read_bytes()
