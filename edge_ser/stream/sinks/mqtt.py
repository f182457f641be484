"""Readings, events and states to an MQTT broker; topics and payloads are in docs/OUTPUTS.md.

Readings and events are history: each is sent once, in order, and waits in a bounded buffer while
the broker is away; what the buffer cannot hold is counted as lost. States (values, rules, health,
Home Assistant's discovery) are retained at the broker, only their newest payload matters, and all
of them are sent again after a reconnect, because a broker may have forgotten them.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.errors import InputError
from edge_ser.stream.meaning.rules import check_names, rule_name
from edge_ser.stream.options import MqttOptions, RuleOptions
from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo, Summary
from edge_ser.stream.sinks.home_assistant import (
    Topics,
    discovery_message,
    discovery_topic,
    rule_keys,
    slug,
)
from edge_ser.stream.sinks.json_lines import event_fields, reading_fields
from edge_ser.stream.sinks.mqtt_connection import Connection

BUFFERED = 2_000
"""Readings and events that wait for the broker: a quarter of an hour at the default hop."""

IN_FLIGHT = 20
"""Messages on their way at once; the next goes when the broker has confirmed one."""

STATE_SECONDS = 1.0
"""Of audio, between two states, so that a monitor's history stays small."""

HEALTH_SECONDS = 30.0
FAREWELL_SECONDS = 1.5
"""For what is left at the end of a live stream."""

PATIENCE_SECONDS = 10.0
"""The same at the end of a file, which nobody waits for."""

_STATE_FIELDS = (
    "state",
    *(f"{name}{part}" for part in ("", "_confidence", "_change") for name in DIMENSIONS),
    "speech_share",
    "level_dbfs",
)


class Mqtt(Sink):
    """One broker.

    Args:
        options: where and how.
        rules: whose states are published.

    Raises:
        InputError: an option cannot be used, or two rules have the same name.
        EnvironmentMissing: paho-mqtt is not installed.
    """

    name = "mqtt"

    def __init__(self, options: MqttOptions, rules: Sequence[RuleOptions] = ()) -> None:
        for topic in (options.topic, options.discovery):
            _check_topic(topic)
        check_names(rules)
        self._options = options
        self._topics = Topics(options.topic)
        self._host = socket.gethostname()
        self._client = options.client or f"{slug(options.topic)}-{slug(self._host)}"
        self._rules = rule_keys([rule_name(rule) for rule in rules])
        self._connection = Connection(options, self._client, self._topics.status)
        self._session = 0
        self._info: StreamInfo | None = None
        self._waiting: deque[tuple[str, str]] = deque()
        self._states: dict[str, str] = {}
        self._due: dict[str, None] = {}
        self._flying: dict[int, bool] = {}
        self._state_t = float("-inf")
        self._health_at = float("-inf")
        self._health_key: tuple[bool, bool] | None = None

    def start(self, info: StreamInfo) -> None:
        """Connect in the background."""
        self._info = info
        if self._options.discovery is not None:
            device = slug(self._client)
            message = discovery_message(
                device, f"{self._options.topic} ({self._host})", self._topics, self._rules, info
            )
            self._set(discovery_topic(self._options.discovery, device), json.dumps(message))
        for key in self._rules.values():
            self._set(self._topics.rule(key), "OFF")
        self._set(self._topics.status, "online")
        self._connection.start()

    def meter(self, meter: Meter) -> None:
        """Publish the health when it changes or has become old, and send what waits."""
        key, now = (meter.connected, meter.recording), time.monotonic()
        if key != self._health_key or now - self._health_at >= HEALTH_SECONDS:
            self._health_key, self._health_at = key, now
            self._set(self._topics.health, json.dumps(health_fields(meter)))
        self._send()

    def reading(self, reading: Reading) -> None:
        """Send it, or let it wait."""
        assert self._info is not None
        payload = json.dumps(reading_fields(reading, self._info), allow_nan=False)
        if reading.t - self._state_t >= STATE_SECONDS:
            self._state_t = reading.t
            self._set(self._topics.state, json.dumps(state_fields(reading)))
        self._put(self._topics.reading, payload)

    def event(self, event: Event) -> None:
        """Send it, or let it wait; the rule's state with it."""
        if event.name in self._rules:
            topic = self._topics.rule(self._rules[event.name])
            self._set(topic, "ON" if event.active else "OFF")
        self._put(self._topics.event, json.dumps(event_fields(event), allow_nan=False))

    def finish(self, summary: Summary) -> None:
        """Send what is left if that is possible in time, count the rest as lost, say goodbye."""
        assert self._info is not None
        self._set(self._topics.status, "offline")
        deadline = time.monotonic() + (FAREWELL_SECONDS if self._info.live else PATIENCE_SECONDS)
        while self._waiting or self._due or self._flying:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._send(wait=min(left, 0.1))
        self.lost, self.waiting = self.lost + self._unsent, 0
        self._connection.stop()

    def _set(self, topic: str, payload: str) -> None:
        """A retained state; it replaces what has not been sent of it yet."""
        self._states[topic] = payload
        self._due[topic] = None

    def _put(self, topic: str, payload: str) -> None:
        """History. While a file is read and the broker is there, it sets the pace."""
        assert self._info is not None
        self._send()
        while len(self._waiting) >= BUFFERED:
            if self._info.live or not self._connection.connected:
                self._drop()
            else:
                self._send(wait=0.1)
        self._waiting.append((topic, payload))
        self._send()

    def _drop(self) -> None:
        """Readings before events: an event is said once, a reading is followed by the next."""
        for position, (topic, _) in enumerate(self._waiting):
            if topic == self._topics.reading:
                del self._waiting[position]
                break
        else:
            self._waiting.popleft()
        self.lost += 1

    def _send(self, wait: float = 0.0) -> None:
        """Hand over what the broker can take now.

        Args:
            wait: seconds to wait for a confirmation if some are due.
        """
        for number in self._connection.confirmed(wait):
            self._flying.pop(number, None)
        self.waiting, self.trouble = self._unsent, self._connection.trouble
        if not self._connection.connected:
            return
        if self._session != self._connection.sessions:
            self._session = self._connection.sessions
            self._due = dict.fromkeys(self._states)
        while self._due and len(self._flying) < IN_FLIGHT:
            topic = next(iter(self._due))
            del self._due[topic]
            self._flying[self._connection.publish(topic, self._states[topic], retain=True)] = False
        while self._waiting and len(self._flying) < IN_FLIGHT:
            self._flying[self._connection.publish(*self._waiting.popleft())] = True
        self.waiting = self._unsent

    @property
    def _unsent(self) -> int:
        """Readings and events that the broker has not confirmed."""
        return len(self._waiting) + sum(self._flying.values())


def state_fields(reading: Reading) -> dict[str, Any]:
    """What monitors show, with as many decimals as mean something."""
    fields = {name: getattr(reading, name) for name in _STATE_FIELDS}
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in fields.items()
    }


def health_fields(meter: Meter) -> dict[str, Any]:
    """How the stream fares."""
    return {
        "connected": meter.connected,
        "recording": meter.recording,
        "seconds": round(meter.seconds, 1),
        "uptime": round(meter.uptime, 1),
        "dropped": meter.dropped,
        "overflows": meter.overflows,
        "clipped": meter.clipped,
        "reconnects": meter.reconnects,
        "gaps": meter.gaps,
        "invalid": meter.invalid,
        "skipped": meter.skipped,
        "lost": {delivery.sink: delivery.lost for delivery in meter.deliveries},
    }


def _check_topic(topic: str | None) -> None:
    """Refuse what is no topic to publish to; None is no topic at all.

    Raises:
        InputError: wildcards, control characters, empty levels, the broker's own topics, too long.
    """
    if topic is None:
        return
    levels_missing = not all(topic.split("/"))
    unusable = not topic.isprintable() or any(sign in topic for sign in "+#$")
    if levels_missing or unusable or len(topic.encode()) > 200:
        raise InputError(
            f"{topic!a:.80} is not an MQTT topic to publish to",
            "write e.g. edge-ser or home/livingroom/voice: no wildcards, no slash at the ends",
        )
