"""Writing what devices computed into the bundle itself: drift report, manifest, archive."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from device_tests.rows import figures
from edge_ser.bundle import open_bundle, pack
from edge_ser.bundle.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_ser.drift.devices import DeviceRow, add_devices
from edge_ser.errors import InputError

_REPORT_FILES = ("drift.json", "drift.html")
_PREFIX = "device."


def record(folder: Path, rows: Sequence[DeviceRow]) -> tuple[Path, str]:
    """Put rows into a bundle's folder and pack it again beside it.

    Figures of devices that are not among the rows stay; the report's section shows the rows.

    Args:
        folder: of the bundle; an archive cannot be changed.
        rows: of the devices that ran.

    Returns:
        The archive and its SHA-256.

    Raises:
        InputError: not a folder, or one without a drift report.
        BundleRefused: the bundle is damaged.
    """
    require_folder(folder)
    with open_bundle(folder) as bundle:
        manifest = bundle.manifest
    add_devices(folder, rows)
    changed = _with_figures(manifest, folder, rows)
    (folder / MANIFEST_NAME).write_text(changed.to_json(), encoding="utf-8")
    archive = folder.with_name(folder.name + ".tar.gz")
    return archive, pack(folder, archive)


def require_folder(bundle: Path) -> None:
    """Refuse what cannot be changed.

    Raises:
        InputError: an archive, or nothing at all.
    """
    if not bundle.is_dir():
        raise InputError(
            f"{bundle} is not the folder of a bundle",
            "unpack the archive, and name the folder to record into",
        )


def _with_figures(manifest: Manifest, folder: Path, rows: Sequence[DeviceRow]) -> Manifest:
    names = {row.device for row in rows}
    kept = {
        name: figure
        for name, figure in manifest.memory.items()
        if not (name.startswith(_PREFIX) and name.split(".")[1] in names)
    }
    for row in rows:
        kept |= figures(row)
    verdicts = {row.device: {"passed": row.passed, "exact": row.exact} for row in rows}
    before = manifest.drift.get("devices", {})
    files = {**manifest.files, **{name: _entry(folder / name) for name in _REPORT_FILES}}
    drift = {**manifest.drift, "devices": {**before, **verdicts}}
    return dataclasses.replace(manifest, memory=kept, files=files, drift=drift)


def _entry(path: Path) -> FileEntry:
    data = path.read_bytes()
    return FileEntry(hashlib.sha256(data).hexdigest(), len(data))
