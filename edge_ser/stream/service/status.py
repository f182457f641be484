"""One sentence of how the stream fares for `systemctl status`: a sink like any other."""

from __future__ import annotations

from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Meter
from edge_ser.stream.service.watchdog import Watchdog


class ServiceStatus(Sink):
    """Keeps the service's status line up to date.

    Args:
        watchdog: the line to systemd; it leaves out what comes too often.
    """

    name = "systemd"

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog

    def meter(self, meter: Meter) -> None:
        """Say it."""
        self._watchdog.status(sentence(meter))


def sentence(meter: Meter) -> str:
    """The state of the stream for people; what is as it should be is left out."""
    what = "recording" if meter.recording else "listening"
    parts = [
        what if meter.connected else "no audio arrives",
        f"{meter.seconds / 3600:.1f} h of audio in {meter.uptime / 3600:.1f} h",
    ]
    counts = {
        "samples dropped": meter.dropped,
        "windows skipped": meter.skipped,
        "reconnects": meter.reconnects,
    }
    parts += [f"{count} {name}" for name, count in counts.items() if count]
    parts += [f"{one.sink} fails: {one.error}" for one in meter.deliveries if one.error]
    return "; ".join(parts)
