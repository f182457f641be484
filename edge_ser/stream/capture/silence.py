"""When a microphone or a sender counts as gone.

Pauses in a row are counted, not seconds by the clock: a process that was stopped or starved for a
minute finds what the system kept for it and has lost nobody.
"""

from __future__ import annotations

PAUSE_SECONDS = 0.25
"""Without anything; what is late by then will not come."""

SILENT_PAUSES = 12
"""In a row, 3 s: gone."""

TAKEOVER_SECONDS = 0.5
"""Silence of a sender after which another one is listened to."""

STANDSTILL_SECONDS = 4.0
"""Between two looks that should be a moment apart: this process was stopped, or the computer
slept, for longer than a sound server keeps audio for it."""
