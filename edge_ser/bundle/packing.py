"""Packing a bundle folder into an archive with reproducible bytes.

The manifest comes first (the reader relies on it), then the listed files by name, below one
folder named after student and target. No times, owners or file-system order enter.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from edge_ser.bundle.manifest import MANIFEST_NAME, Manifest
from edge_ser.bundle.reader import open_bundle

_PROGRAMS = (".sh", "/edge-ser-live")


def archive_folder(manifest: Manifest) -> str:
    """The one folder inside the archive, e.g. "wav2small-rpi"."""
    return f"{manifest.name}-{manifest.target}"


def pack(folder: Path, tarball: Path) -> str:
    """Pack the files that the manifest lists.

    Args:
        folder: a valid bundle; files that it does not list are left out.
        tarball: written in one step, so that a killed process leaves no half archive.

    Returns:
        Hex SHA-256 of the archive, for `--expect-sha256`.

    Raises:
        BundleRefused: the folder is not a valid bundle.
    """
    with open_bundle(folder) as bundle:
        manifest = bundle.manifest
        contents = {name: bundle.read(name) for name in sorted(manifest.files)}
    contents = {MANIFEST_NAME: (folder / MANIFEST_NAME).read_bytes(), **contents}
    data = _gzip(_tar(contents, archive_folder(manifest)))
    tarball.parent.mkdir(parents=True, exist_ok=True)
    partial = tarball.with_name(tarball.name + ".partial")
    partial.write_bytes(data)
    partial.replace(tarball)
    return hashlib.sha256(data).hexdigest()


def _tar(contents: dict[str, bytes], prefix: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in contents.items():
            member = tarfile.TarInfo(f"{prefix}/{name}")
            member.size = len(data)
            member.mode = 0o755 if name.endswith(_PROGRAMS) else 0o644
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _gzip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()
