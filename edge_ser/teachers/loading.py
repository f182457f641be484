"""Which files a published teacher's name means, and the teacher made of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.errors import InputError
from edge_ser.teachers.published import ENSEMBLE, PUBLISHED

if TYPE_CHECKING:
    from edge_ser.teachers import Teacher

_FOLDERS = f"{ENSEMBLE}="
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def load_published(name: str, revision: str | None, device: str, precision: str) -> Teacher:
    """A published teacher, from the hub's cache, the hub, or folders.

    Args:
        name: wav2vec2-msp-dim, wavlm-odyssey, ensemble, a folder, ensemble=FOLDER,FOLDER, or
            OWNER/NAME on the hub.
        revision: full commit of the repository; None for the pinned one.
        device: "auto", "cpu" or "cuda".
        precision: "float32" or "bfloat16".

    Raises:
        InputError: no such teacher, or its files cannot be used.
        EnvironmentMissing: no transformers, or no GPU where one is asked for.
    """
    members = members_of(name)
    if revision and len(members) > 1:
        raise InputError(
            f"--revision {revision} cannot be of both repositories of {name}",
            "download each at its commit, then --teacher ensemble=FOLDER,FOLDER",
        )
    folders = [_folder(member, revision) for member in members]
    from edge_ser.teachers.hub import import_transformers

    import_transformers()
    from edge_ser.teachers.ensemble import EnsembleTeacher
    from edge_ser.teachers.transformer_teacher import TransformerTeacher

    teachers = [TransformerTeacher.load(folder, device, precision) for folder in folders]
    return teachers[0] if members == [name] else EnsembleTeacher(teachers)


def members_of(name: str) -> list[str]:
    """The teachers that a name stands for: itself, or an ensemble's.

    Examples:
        >>> members_of("ensemble=a/,b/"), members_of("wavlm-odyssey")
        (['a/', 'b/'], ['wavlm-odyssey'])
    """
    if name == ENSEMBLE:
        return [teacher.name for teacher in PUBLISHED]
    return name.removeprefix(_FOLDERS).split(",") if name.startswith(_FOLDERS) else [name]


def public_name(name: str) -> str:
    """A teacher's name without the folders that its files lie in, for cards: paths are private.

    Examples:
        >>> public_name("/home/me/teachers/wavlm"), public_name("ensemble=/a/w2v,/b/wavlm")
        ('wavlm', 'ensemble=w2v,wavlm')
    """
    names = [Path(member).name for member in members_of(name)]
    return _FOLDERS + ",".join(names) if name.startswith(_FOLDERS) else Path(name).name


def _folder(name: str, revision: str | None) -> Path:
    from edge_ser.teachers.hub import download

    repositories = {teacher.name: teacher.repository for teacher in PUBLISHED}
    if name in repositories:
        return download(repositories[name], revision)
    if name and Path(name).is_dir():
        if revision:
            raise InputError(
                f"--revision {revision} is of a repository on the hub, but {name} is a folder",
                "leave --revision away",
            )
        return Path(name)
    if _REPOSITORY.fullmatch(name):
        return download(name, revision)
    raise InputError(
        f"no teacher called {name!r}: neither a name, nor a file or folder here",
        f"known names: default, {', '.join(repositories)}, {ENSEMBLE}; files: a teacher's "
        ".safetensors, a folder, ensemble=FOLDER,FOLDER",
    )
