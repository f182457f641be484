"""Whether the stream does its work, in one word and with reasons (docs/WEB.md).

`failing` (503): nothing useful can come out. `degraded`: readings come, but a receiver fails.
Losses of the past do not count: they are counters, and counters have no end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edge_ser.stream.web.live_state import Snapshot

PATIENCE_SECONDS = 10.0
"""Without audio, readings or news from the stream for so long is not normal any more."""

Status = Literal["ok", "degraded", "failing"]


@dataclass(frozen=True)
class Health:
    """A judgement.

    Attributes:
        reasons: for anything but "ok", in words.
    """

    status: Status
    reasons: tuple[str, ...]


def judge(snapshot: Snapshot) -> Health:
    """Look at the stream as it stands."""
    failing = _failing(snapshot)
    if failing:
        return Health("failing", tuple(failing))
    meter = snapshot.meter
    troubled = [delivery for delivery in meter.deliveries if delivery.error] if meter else []
    if troubled:
        return Health("degraded", tuple(f"{one.sink}: {one.error}" for one in troubled))
    return Health("ok", ())


def health_fields(snapshot: Snapshot, ended: bool) -> dict[str, Any]:
    """The object that `/health` gives."""
    health = Health("failing", ("the stream has ended",)) if ended else judge(snapshot)
    meter = snapshot.meter
    return {
        "status": health.status,
        "reasons": list(health.reasons),
        "uptime_seconds": round(meter.uptime, 1) if meter else 0.0,
        "audio_seconds": round(meter.seconds, 1) if meter else 0.0,
        "audio_age_seconds": round(snapshot.audio_age, 1),
        "reading_age_seconds": round(snapshot.reading_age, 1) if snapshot.reading else None,
        "state": snapshot.reading.state if snapshot.reading else None,
    }


def _failing(snapshot: Snapshot) -> list[str]:
    meter, info = snapshot.meter, snapshot.info
    if info is None:
        return ["the stream has not started"]
    if snapshot.meter_age > PATIENCE_SECONDS:
        return [f"no news from the stream for {snapshot.meter_age:.0f} s"]
    if meter is None:
        return []
    reasons = [
        f"{one.sink}, which the stream cannot do without: {one.error}"
        for one in meter.deliveries
        if one.essential and one.error
    ]
    if not meter.connected:
        reasons.append(f"the source is disconnected: {info.source}")
    if snapshot.audio_age > PATIENCE_SECONDS:
        reasons.append(f"no audio for {snapshot.audio_age:.0f} s")
    elif snapshot.reading_age > PATIENCE_SECONDS + 2 * info.hop_seconds + min(
        info.window_seconds, 1.0
    ):
        reasons.append(f"audio arrives, but no reading for {snapshot.reading_age:.0f} s")
    return reasons
