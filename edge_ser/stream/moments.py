"""Moments as machines write them, the same in readings, events and logs. Standard library only."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """A moment in UTC, to the millisecond.

    Args:
        seconds: since 1970.

    Examples:
        >>> rfc3339(1769860800.25)
        '2026-01-31T12:00:00.250Z'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
