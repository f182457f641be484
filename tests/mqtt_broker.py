"""A private mosquitto, and somebody who listens to it."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho


def wait_until(condition: Callable[[], Any]) -> None:
    """Give it time, not luck."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Broker:
    """A private mosquitto.

    Args:
        folder: for its configuration.
        settings: further lines of it.
    """

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._config = folder / f"mosquitto-{self.port}.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nuser {getpass.getuser()}\n"
            f"persistence false\n{settings}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Until it takes connections."""
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        assert program, "the MQTT tests need a broker: sudo apt-get install mosquitto"
        self.process = subprocess.Popen(
            [program, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers)

    def kill(self) -> None:
        """As a power cut does; it forgets everything."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, "mosquitto has ended"
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """That lets everybody in."""
    running = Broker(tmp_path)
    yield running
    running.kill()


class Observer:
    """Somebody else at the broker, who keeps what is published."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        self._subscribed = False
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(0.1, 0.1)  # type: ignore[arg-type]
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        self.wait_subscribed()

    def wait_subscribed(self) -> None:
        """Until nothing can be missed."""
        wait_until(lambda: self._subscribed)

    def of(self, topic: str) -> list[str]:
        """Payloads, oldest first."""
        return [payload for found, payload, _ in self.messages if found == topic]

    def times(self, topic: str = "edge-ser/reading") -> list[float]:
        """`t` of the messages of a topic."""
        return [json.loads(payload)["t"] for payload in self.of(topic)]

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed = True

    def _on_disconnect(self, *_: Any) -> None:
        self._subscribed = False

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        self.messages.append((message.topic, message.payload.decode(), message.retain))
