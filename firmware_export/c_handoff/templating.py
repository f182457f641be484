"""Filling in the templates beside this file: @{name} is replaced, everything else stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).parent / "templates"
_PLACE = re.compile(r"@\{(\w+)\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template of that file name, filled in.

    Raises:
        KeyError: a value that the template needs is missing.
    """
    text = (_FOLDER / template).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: values[place[1]], text)
