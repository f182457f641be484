"""Folders of resumable work are bound to their inputs, so that no run resumes another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_ser.errors import InputError


def bind(folder: Path, record: str, made_of: dict[str, Any]) -> None:
    """Create `folder` with a JSON record of what it is made of, or check the one it has.

    Raises:
        InputError: the folder holds work made of something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / record
    if not path.is_file():
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(made_of, indent=1))
        partial.replace(path)
        return
    known = json.loads(path.read_text())
    wanted = json.loads(json.dumps(made_of))
    if known != wanted:
        changed = sorted(key for key in known | wanted if known.get(key) != wanted.get(key))
        raise InputError(
            f"{folder} holds unfinished work with other settings: {', '.join(changed)}",
            "choose another --work folder, or remove this one",
        )
