"""How Home Assistant learns of a stream: one discovery message with all of its entities.

Device-based discovery, which Home Assistant reads since 2024.11. Pure functions from what runs to
topics and payloads. Non-goals: dashboards, commands from Home Assistant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from edge_ser import DIMENSIONS, __version__
from edge_ser.stream.reading import State, StreamInfo

EXPIRE_SECONDS = 60
"""Values older than this are shown as unavailable: the microphone is away."""


@dataclass(frozen=True)
class Topics:
    """Where the messages of one stream lie, all below `base`."""

    base: str

    @property
    def status(self) -> str:
        """`online` or `offline`."""
        return f"{self.base}/status"

    @property
    def reading(self) -> str:
        """Every reading."""
        return f"{self.base}/reading"

    @property
    def event(self) -> str:
        """Every event."""
        return f"{self.base}/event"

    @property
    def state(self) -> str:
        """The newest values."""
        return f"{self.base}/state"

    @property
    def health(self) -> str:
        """How the stream fares."""
        return f"{self.base}/health"

    def rule(self, key: str) -> str:
        """`ON` while the rule holds."""
        return f"{self.base}/rule/{key}"


def slug(text: str) -> str:
    """Only what topics, ids and Home Assistant's node ids may hold.

    Examples:
        >>> slug("Valence < 0.3 for 10s"), slug("Größe")
        ('valence_0_3_for_10s', 'gr_e')
    """
    return re.sub(r"[^a-z0-9-]+", "_", text.lower()).strip("_")[:64] or "_"


def rule_keys(names: list[str]) -> dict[str, str]:
    """A key for every rule's name, for its topic and entity; no two are the same."""
    keys: dict[str, str] = {}
    for name in names:
        key, number = slug(name), 2
        while key in keys.values():
            key, number = f"{slug(name)}_{number}", number + 1
        keys[name] = key
    return keys


def discovery_topic(prefix: str, device: str) -> str:
    """Where the message belongs."""
    return f"{prefix}/device/{device}/config"


def discovery_message(
    device: str, name: str, topics: Topics, rules: Mapping[str, str], info: StreamInfo
) -> dict[str, Any]:
    """The retained message.

    Args:
        device: id of the stream, unique at the broker and the same after a restart.
        name: of the device, for people.
        rules: keys by the rules' names, see `rule_keys`.
    """
    components = {
        **_values(topics),
        **{f"rule_{key}": _rule(rule, topics.rule(key)) for rule, key in rules.items()},
        **_health(topics),
    }
    return {
        "device": {
            "identifiers": [device],
            "name": name,
            "manufacturer": "edge-ser",
            "model": f"{info.model} on {info.engine}",
            "sw_version": __version__,
        },
        "origin": {"name": "edge-ser", "sw_version": __version__},
        "availability_topic": topics.status,
        "qos": 1,
        "components": {
            key: {**component, "unique_id": f"{device}_{key}"}
            for key, component in components.items()
        },
    }


def _values(topics: Topics) -> dict[str, dict[str, Any]]:
    sensors = {name: _sensor(topics, name, name.capitalize()) for name in DIMENSIONS}
    for name in DIMENSIONS:
        key = f"{name}_confidence"
        sensors[key] = {
            **_sensor(topics, key, f"{name.capitalize()} confidence"),
            "entity_category": "diagnostic",
        }
        # Only of use with a baseline, which few streams have.
        key = f"{name}_change"
        sensors[key] = {
            **_sensor(topics, key, f"{name.capitalize()} change"),
            "enabled_by_default": False,
        }
    return {
        **sensors,
        "speech_share": _sensor(topics, "speech_share", "Speech share"),
        "level": {
            **_sensor(topics, "level_dbfs", "Level"),
            "unit_of_measurement": "dBFS",
            "suggested_display_precision": 0,
        },
        "state": {
            "platform": "sensor",
            "name": "State",
            "state_topic": topics.state,
            "value_template": "{{ value_json.state }}",
            "device_class": "enum",
            "options": list(get_args(State)),
            "expire_after": EXPIRE_SECONDS,
        },
    }


def _sensor(topics: Topics, field: str, name: str) -> dict[str, Any]:
    """A number of the state; null makes it unknown."""
    return {
        "platform": "sensor",
        "name": name,
        "state_topic": topics.state,
        "value_template": f"{{{{ value_json.{field} }}}}",
        "state_class": "measurement",
        "suggested_display_precision": 2,
        "expire_after": EXPIRE_SECONDS,
    }


def _rule(name: str, topic: str) -> dict[str, Any]:
    return {"platform": "binary_sensor", "name": name, "state_topic": topic}


def _health(topics: Topics) -> dict[str, dict[str, Any]]:
    def binary(field: str, name: str, device_class: str) -> dict[str, Any]:
        return {
            "platform": "binary_sensor",
            "name": name,
            "state_topic": topics.health,
            "value_template": f"{{{{ 'ON' if value_json.{field} else 'OFF' }}}}",
            "device_class": device_class,
            "entity_category": "diagnostic",
        }

    return {
        "connected": binary("connected", "Microphone", "connectivity"),
        "recording": binary("recording", "Recording", "running"),
        "dropped": {
            "platform": "sensor",
            "name": "Dropped samples",
            "state_topic": topics.health,
            "value_template": "{{ value_json.dropped }}",
            "state_class": "total_increasing",
            "entity_category": "diagnostic",
        },
    }
