"""The log's words for the dashboard, which other lines on the same screen would spoil."""

from __future__ import annotations

import logging
from collections import deque

KEPT = 3


class Notes(logging.Handler):
    """Keeps the latest messages of at least level WARNING; `latest` grows and is never replaced."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.latest: deque[str] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.latest.append(record.getMessage())
