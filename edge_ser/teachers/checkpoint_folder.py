"""A published teacher's folder as the hub lays it out: config.json, safetensors, model card.

Only safetensors are read: a pickle can run code. Nothing here touches the network.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_ser.checkpoint import sha256_of
from edge_ser.errors import InputError
from edge_ser.teachers.licence import combined, spdx
from edge_ser.teachers.published import PUBLISHED, PublishedTeacher, how_to_get

if TYPE_CHECKING:
    from torch import Tensor

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"

_CONVERT = (
    'python -c "import sys, torch; from safetensors.torch import save_file; '
    "w = torch.load(sys.argv[1] + '/pytorch_model.bin', map_location='cpu', weights_only=True); "
    "save_file({k: v.clone().contiguous() for k, v in w.items()}, "
    "sys.argv[1] + '/model.safetensors')\""
)
"""Turns pickled weights into safetensors; `weights_only` refuses pickles that run code."""


@dataclass(frozen=True)
class CheckpointFolder:
    """A teacher's files, found and named, their weights not read yet.

    Attributes:
        path: of the folder.
        config: contents of config.json.
        published: the published teacher that it has the architecture of.
        weights: the safetensors files, in order of their names.
        licence: of the folder's model card; that of the published weights where it has none.
    """

    path: Path
    config: dict[str, Any]
    published: PublishedTeacher
    weights: tuple[Path, ...]
    licence: str

    def sha256(self) -> str:
        """SHA-256 of the one weights file; of several, of the list of their names and hashes."""
        hashes = [sha256_of(path) for path in self.weights]
        if len(hashes) == 1:
            return hashes[0]
        names = [path.name for path in self.weights]
        return fingerprint(dict(zip(names, hashes, strict=True)))

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, on the CPU, in the type they are stored in.

        Raises:
            InputError: a file is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        tensors: dict[str, Tensor] = {}
        for path in self.weights:
            try:
                tensors |= load_file(path)
            except (SafetensorError, OSError) as error:
                raise InputError(
                    f"{path} is not a readable safetensors file: {error}",
                    f"copy or download it again; {how_to_get(self.published)}",
                ) from error
        return tensors


def fingerprint(parts: Mapping[str, str]) -> str:
    """One SHA-256 of several named things."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def open_folder(path: Path) -> CheckpointFolder:
    """Find a teacher's files.

    Raises:
        InputError: a file is missing or malformed, the weights are pickled only, or the
            architecture is neither of the two that are supported.
    """
    config = read_json(path / "config.json")
    published = _architecture_of(path, config)
    return CheckpointFolder(
        path, config, published, _weight_files(path, published), _licence(path, published)
    )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: no such file, or something else in it.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{path.parent} is no folder of a published teacher: it has no {path.name}",
            "; ".join(how_to_get(teacher) for teacher in PUBLISHED),
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} does not hold a JSON object")
    return values


def _architecture_of(path: Path, config: Mapping[str, Any]) -> PublishedTeacher:
    model_type = config.get("model_type")
    for teacher in PUBLISHED:
        if teacher.model_type == model_type:
            return teacher
    known = ", ".join(f"{teacher.model_type!r} ({teacher.repository})" for teacher in PUBLISHED)
    raise InputError(
        f"{path / 'config.json'} is of model type {model_type!r}, which is not a known teacher",
        f"supported model types: {known}",
    )


def _weight_files(path: Path, published: PublishedTeacher) -> tuple[Path, ...]:
    names = [_WEIGHTS]
    if (path / _INDEX).is_file():
        names = _names_in_index(path / _INDEX)
    files = tuple(path / name for name in names)
    missing = [file.name for file in files if not file.is_file()]
    if not missing:
        return files
    if (path / "pytorch_model.bin").is_file():
        raise InputError(
            f"{path} has its weights as a pickle only (pytorch_model.bin), which can run code",
            f"convert a file that you trust, once: {_CONVERT} {shlex.quote(str(path))}",
        )
    raise InputError(f"{path} lacks {', '.join(missing)}", how_to_get(published))


def _names_in_index(index: Path) -> list[str]:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise InputError(f"{index} has no 'weight_map'")
    files = sorted({str(name) for name in names.values()})
    outside = [name for name in files if Path(name).name != name or not _is_safetensors(name)]
    if outside:
        raise InputError(f"{index} names {outside[0]!r}, which is no safetensors file beside it")
    return files


def _is_safetensors(name: str) -> bool:
    return name.endswith(".safetensors")


def _licence(path: Path, published: PublishedTeacher) -> str:
    """Of the model card's header; the published one where the folder has no card or no licence."""
    card = path / "README.md"
    if not card.is_file():
        return published.licence
    from huggingface_hub import metadata_load
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        header = metadata_load(card) or {}
    except (ValueError, OSError, YAMLError) as error:
        raise InputError(f"the header of {card} cannot be read: {error}") from error
    stated = header.get("license")
    if stated == "other":  # the hub's word for what it has no name for
        stated = header.get("license_name", stated)
    names = stated if isinstance(stated, list) else [stated]
    return combined(spdx(name) for name in names if isinstance(name, str)) or published.licence
