"""Licences of teachers: their SPDX names, their combination, and whether they allow commerce."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPDX = {
    name.lower(): name
    for name in (
        "Apache-2.0",
        "BSD-3-Clause",
        "CC-BY-4.0",
        "CC-BY-NC-4.0",
        "CC-BY-NC-ND-4.0",
        "CC-BY-NC-SA-4.0",
        "CC-BY-SA-4.0",
        "CC0-1.0",
        "MIT",
    )
}
_NON_COMMERCIAL = re.compile(
    r"(?<![a-z])nc(?![a-z])|non[-_ ]?commercial|research[-_ ]only|research[-_ ]purposes?[-_ ]only",
    re.IGNORECASE,
)


def spdx(name: str) -> str:
    """The SPDX spelling of a licence as model hubs write it; unknown names stay as they are.

    Examples:
        >>> spdx("cc-by-nc-sa-4.0")
        'CC-BY-NC-SA-4.0'
    """
    return _SPDX.get(name.strip().lower(), name.strip())


def combined(licences: Iterable[str]) -> str:
    """What holds when all of these hold, as an SPDX expression.

    Examples:
        >>> combined(["CC-BY-NC-SA-4.0", "MIT"])
        'CC-BY-NC-SA-4.0 AND MIT'
    """
    return " AND ".join(dict.fromkeys(licences))


def is_non_commercial(licence: str) -> bool:
    """Whether a licence, or one of several in an expression, forbids commercial use.

    Examples:
        >>> is_non_commercial("CC-BY-NC-SA-4.0 AND MIT"), is_non_commercial("Apache-2.0")
        (True, False)
    """
    return bool(_NON_COMMERCIAL.search(licence))
