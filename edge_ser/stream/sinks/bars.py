"""Bars, level meters and sparklines out of characters; no colours, no positions."""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = "▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"

METER_FLOOR_DBFS = -60.0
"""Left end of the level meter; the right end is full scale."""


def bar(value: float, width: int, unicode: bool) -> str:
    """The filled part of a bar for a value within 0..1 (beyond: empty or full).

    Examples:
        >>> bar(0.5, 8, unicode=False), bar(0.31, 4, unicode=True), bar(-3, 4, True)
        ('####', '█▎', '')
    """
    share = min(max(value, 0.0), 1.0) * width
    if not unicode:
        return "#" * round(share)
    eighths = round(share * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest - 1] if rest else "")


def meter_position(dbfs: float) -> float:
    """Level as a share 0..1 of the meter.

    Examples:
        >>> meter_position(-60), meter_position(-15), meter_position(3)
        (0.0, 0.75, 1.0)
    """
    return min(max(1 - dbfs / METER_FLOOR_DBFS, 0.0), 1.0)


def sparkline(values: Sequence[float], width: int) -> str:
    """The latest `width` values within 0..1, one character each, right-aligned.

    Examples:
        >>> sparkline([0.0, 0.5, 1.0], 5)
        '  ▁▅█'
    """
    latest = values[-width:] if width else []
    steps = (min(max(int(value * len(_LEVELS)), 0), len(_LEVELS) - 1) for value in latest)
    return "".join(_LEVELS[step] for step in steps).rjust(width)
