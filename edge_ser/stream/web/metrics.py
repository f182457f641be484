"""`/metrics` for Prometheus: computed from the stream's state when it is asked for.

Names follow Prometheus' conventions (base units, `_total` for counters); docs/WEB.md lists them.
A value that the model does not give at the moment is left out, never 0. The registry is our own:
nothing else in the process can put metrics there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.errors import EnvironmentMissing
from edge_ser.stream.reading import Delivery, Meter, Reading, StreamInfo
from edge_ser.stream.web.health import judge
from edge_ser.stream.web.live_state import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Traffic:
    """What the server itself counts; written by its thread alone.

    Attributes:
        clients: pages and programs connected to the WebSocket now.
        missed: messages that were dropped because a client was too slow, so far.
        refused: requests that the gate turned away, so far.
    """

    clients: int = 0
    missed: int = 0
    refused: int = 0


class MetricsText:
    """Renders the metrics.

    Args:
        snapshot: gives the stream's state.
        traffic: of the server.

    Raises:
        EnvironmentMissing: prometheus-client is not installed.
    """

    def __init__(self, snapshot: Callable[[], Snapshot], traffic: Traffic) -> None:
        try:
            from prometheus_client import CollectorRegistry, ProcessCollector
            from prometheus_client.exposition import generate_latest
        except ImportError as error:
            raise EnvironmentMissing(
                f"the page's /metrics needs prometheus-client: {error}",
                "pip install 'edge-ser[outputs]'",
            ) from error
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(snapshot, traffic))
        ProcessCollector(registry=self._registry)
        self._render = generate_latest

    def __call__(self) -> bytes:
        """The text that Prometheus scrapes."""
        return bytes(self._render(self._registry))


class _Collector:
    """A collector as `prometheus_client` wants it."""

    def __init__(self, snapshot: Callable[[], Snapshot], traffic: Traffic) -> None:
        self._snapshot = snapshot
        self._traffic = traffic

    def describe(self) -> list[Any]:
        """Nothing is checked for duplicates: there is one collector of ours."""
        return []

    def collect(self) -> Iterator[Any]:
        """All metric families."""
        snapshot = self._snapshot()
        healthy = judge(snapshot).status != "failing"
        yield _gauge("healthy", "1 unless /health says failing", float(healthy))
        yield from _traffic(self._traffic)
        yield from _windows(snapshot)
        if snapshot.info is not None:
            yield _about(snapshot.info)
        if snapshot.meter is not None:
            yield from _metered(snapshot.meter)
            yield from _sinks(snapshot.meter.deliveries)
        if snapshot.reading is not None:
            yield _gauge("reading_age_seconds", "since the newest reading", snapshot.reading_age)
            yield from _values(snapshot.reading)


def _gauge(name: str, help_: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"edge_ser_{name}", help_, value=value)


def _counter(name: str, help_: str, value: float) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(f"edge_ser_{name}", help_, value=value)


def _labelled(kind: str, name: str, help_: str, label: str, values: dict[str, float]) -> Any:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    made = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}[kind](
        f"edge_ser_{name}", help_, labels=[label]
    )
    for key, value in values.items():
        made.add_metric([_label(key)], value)
    return made


def _label(text: str) -> str:
    """Encodable text: a device's or a file's name may hold half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def _about(info: StreamInfo) -> Any:
    from prometheus_client.core import InfoMetricFamily

    names = ("model", "engine", "engine_version", "artefact", "source", "detector", "level")
    labels = {name: _label(str(getattr(info, name))) for name in names}
    return InfoMetricFamily("edge_ser_stream", "what runs", value=labels)


def _traffic(traffic: Traffic) -> Iterator[Any]:
    yield _gauge("web_clients", "connected to the WebSocket now", traffic.clients)
    yield _counter("web_missed_messages", "dropped for clients that are too slow", traffic.missed)
    yield _counter("web_refused_requests", "without token, or of a foreign page", traffic.refused)


def _windows(snapshot: Snapshot) -> Iterator[Any]:
    from prometheus_client.core import SummaryMetricFamily

    states = {state: float(count) for state, count in snapshot.readings.items()}
    yield _labelled("counter", "readings", "windows so far, by state", "state", states)
    yield SummaryMetricFamily(
        "edge_ser_inference_seconds",
        "time that the model took per window",
        count_value=sum(snapshot.readings.values()),
        sum_value=snapshot.inference_seconds,
    )
    begun = {name: float(count) for name, count in snapshot.begun.items()}
    yield _labelled("counter", "rule_events", "times that a rule began to hold", "rule", begun)


def _metered(meter: Meter) -> Iterator[Any]:
    yield _gauge("uptime_seconds", "since the stream began", meter.uptime)
    yield _gauge("source_connected", "1 while the source can deliver", float(meter.connected))
    yield _gauge("recording", "1 while samples are being stored", float(meter.recording))
    yield _gauge("level_dbfs", "level of the newest block, dB of full scale", meter.level_dbfs)
    yield _gauge("peak_dbfs", "largest sample of it, dB of full scale", meter.peak_dbfs)
    if meter.speech is not None:
        yield _gauge("speech_probability", "that the newest frame is speech", meter.speech)
    yield _counter("audio_seconds", "audio received", meter.seconds)
    yield _counter("dropped_frames", "sample frames lost before the model", meter.dropped)
    yield _counter("overflows", "times that the audio system lost input", meter.overflows)
    yield _counter("clipped_samples", "samples at full scale", meter.clipped)
    yield _counter("reconnects", "times that the source came back", meter.reconnects)
    yield _counter("gaps", "places where audio is missing", meter.gaps)
    yield _counter("invalid", "what arrived and is no audio", meter.invalid)
    yield _counter("skipped_windows", "not analysed: the model was too slow", meter.skipped)


def _sinks(deliveries: tuple[Delivery, ...]) -> Iterator[Any]:
    told = {
        "sent": "readings and events taken",
        "lost": "readings and events that it will never get",
        "failures": "times that it raised",
    }
    for field, help_ in told.items():
        values = {one.sink: float(getattr(one, field)) for one in deliveries}
        yield _labelled("counter", f"sink_{field}", help_, "sink", values)
    waiting = {one.sink: float(one.waiting) for one in deliveries}
    yield _labelled("gauge", "sink_waiting", "readings and events in its queue", "sink", waiting)
    failing = {one.sink: float(bool(one.error)) for one in deliveries}
    yield _labelled("gauge", "sink_failing", "1 if its last call failed", "sink", failing)


def _values(reading: Reading) -> Iterator[Any]:
    confidences: dict[str, float] = {}
    for name in DIMENSIONS:
        value = getattr(reading, name)
        if value is not None:
            yield _gauge(name, f"{name} of the newest window, about 0 to 1", value)
        confidence = getattr(reading, f"{name}_confidence")
        if confidence is not None:
            confidences[name] = confidence
    if confidences:
        yield _labelled(
            "gauge", "confidence", "of the newest window, 0 to 1", "dimension", confidences
        )
    if reading.speech_share is not None:
        yield _gauge("speech_ratio", "share of speech in the newest window", reading.speech_share)
