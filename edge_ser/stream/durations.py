"""Times as people write them: 3s, 500ms, 10m, 1.5h; a bare number means seconds.

Shared by the configuration, the command line and the rules, so that they agree on the units.
Non-goals: sums such as "1h30m", days, dates.
"""

from __future__ import annotations

import math
import re
from typing import Annotated

from edge_ser.errors import InputError

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
"""Seconds in one of each."""

DURATION = "duration"
"""Marks a type hint: the field takes a number of seconds or a text such as "10m"."""

Seconds = Annotated[float, DURATION]
"""A float that a user may also write with a unit."""

EXAMPLE = "write a number of seconds, or a number with ms, s, m or h, e.g. 500ms, 3s, 10m"

_DURATION = re.compile(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*(ms|s|m|h)?\s*", re.ASCII | re.IGNORECASE)
_LONGEST_TEXT = 32


def parse_duration(text: str) -> float:
    """Seconds, finite and not negative.

    Raises:
        InputError: the text is no duration.

    Examples:
        >>> parse_duration("10m"), parse_duration("500ms"), parse_duration("2.5")
        (600.0, 0.5, 2.5)
    """
    match = _DURATION.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise InputError(f"{text!a:.60} is not a duration", EXAMPLE)
    seconds = float(match[1]) * UNITS[(match[2] or "s").lower()]
    if not math.isfinite(seconds):
        raise InputError(f"{text!a:.60} is too long a duration", EXAMPLE)
    return seconds
