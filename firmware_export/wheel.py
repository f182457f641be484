"""The edge-ser wheel that a bundle carries, so that a device needs no registry for it.

Built by the project's own build backend where a source tree is present, otherwise put
together again from the installed files. Reproducible either way; no network.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import zipfile
from pathlib import Path

import edge_ser
from edge_ser.errors import EnvironmentMissing

_NEVER = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD")
"""Written by an installer, not part of the wheel."""

_EPOCH = (2020, 2, 2, 0, 0, 0)
"""Time of every member, as the build backend has it."""


def write_wheel(folder: Path) -> Path:
    """Write `edge_ser-VERSION-py3-none-any.whl` into `folder`.

    Raises:
        EnvironmentMissing: neither a source tree with its build backend nor a complete
            installation is at hand.
    """
    root = Path(edge_ser.__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file():
        return _build(root, folder)
    return _repack(folder)


def _build(root: Path, folder: Path) -> Path:
    if importlib.util.find_spec("hatchling") is None:
        raise EnvironmentMissing(
            "building the wheel for the bundle's run folder needs hatchling",
            "pip install hatchling, or leave the folder out with --without-run",
        )
    from hatchling.builders.wheel import WheelBuilder

    (built,) = WheelBuilder(str(root)).build(directory=str(folder), versions=["standard"])
    return Path(built)


def _repack(folder: Path) -> Path:
    try:
        distribution = importlib.metadata.distribution("edge-ser")
    except importlib.metadata.PackageNotFoundError as error:
        raise EnvironmentMissing(
            "edge-ser is not installed as a package, so its wheel cannot be made",
            "pip install it, or leave the bundle's run folder out with --without-run",
        ) from error
    contents = {}
    for file in distribution.files or ():
        name = file.as_posix()
        if ".." in file.parts or "__pycache__" in file.parts or file.name in _NEVER:
            continue
        contents[name] = Path(file.locate()).read_bytes()
    (metadata,) = {name.split("/")[0] for name in contents if ".dist-info/" in name}
    record = f"{metadata}/RECORD"
    lines = [_record_line(name, contents[name]) for name in sorted(contents)]
    contents[record] = "".join([*lines, f"{record},,\n"]).encode()
    wheel = folder / f"edge_ser-{distribution.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o100644 << 16
            archive.writestr(member, contents[name])
    return wheel


def _record_line(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"
