"""The connection to an MQTT broker: kept up by paho's thread, for months.

It connects in the background and again after every loss, with growing pauses. What is published
stays with paho until the broker confirms it, across reconnects. paho calls back while it holds
its own locks, so the callbacks here only leave notes that the publishing thread picks up.
Non-goal: subscribing to anything.
"""

from __future__ import annotations

import logging
import queue
import ssl
import sys
import threading
from typing import Any

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.access import is_loopback, join_address, read_secret, split_address
from edge_ser.stream.options import MqttOptions

PORT, TLS_PORT = 1883, 8883
KEEPALIVE_SECONDS = 30
FIRST_PAUSE_SECONDS: float = 1
LONGEST_PAUSE_SECONDS: float = 60
"""Between two attempts to connect; each pause is twice the one before."""

GOODBYE_SECONDS = 0.3

_log = logging.getLogger(__name__)


def check_login(options: MqttOptions) -> None:
    """Refuse a password that nobody logs in with.

    Raises:
        InputError: there is a password file and no user.
    """
    if options.password_file is not None and options.user is None:
        raise InputError("an MQTT password needs a user", "name it, or leave both out")


class Connection:
    """One client at one broker.

    Args:
        options: where and how.
        client: id at the broker.
        status: topic that says `offline` if the connection is lost.

    Raises:
        InputError: the address, the certificates or the password file cannot be used.
        EnvironmentMissing: paho-mqtt is not installed.

    Attributes:
        address: of the broker, for people.
        sessions: times that the broker has accepted the connection.
        trouble: why there is no connection; "" while there is one.
    """

    def __init__(self, options: MqttOptions, client: str, status: str) -> None:
        try:
            from paho.mqtt import client as paho
        except ImportError as error:
            raise EnvironmentMissing(
                "MQTT needs paho-mqtt", "pip install 'edge-ser[outputs]'"
            ) from error
        port = options.port or (TLS_PORT if options.tls else PORT)
        self.address = join_address(options.host, port)
        split_address(self.address)
        self.sessions = 0
        self.trouble = "not connected yet"
        self._confirmed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._client: Any = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=client, protocol=paho.MQTTv311
        )
        # Declared as whole seconds, but fractions work.
        pauses: Any = (FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._client.reconnect_delay_set(*pauses)
        self._client.will_set(status, "offline", qos=1, retain=True)
        self._log_in(options)
        self._encrypt(options)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.connect_async(options.host, port, KEEPALIVE_SECONDS)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and it stands."""
        return bool(self._client.is_connected())

    def start(self) -> None:
        """Connect, in the background."""
        self._client.loop_start()

    def publish(self, topic: str, payload: str, retain: bool = False) -> int:
        """Hand a message over; returns its number, which `confirmed` gives once it has arrived."""
        return int(self._client.publish(topic, payload, qos=1, retain=retain).mid)

    def confirmed(self, wait: float = 0.0) -> list[int]:
        """Numbers that the broker has confirmed since the last call.

        Args:
            wait: seconds to wait for the first one.
        """
        numbers: list[int] = []
        try:
            if wait:
                numbers.append(self._confirmed.get(timeout=wait))
            while True:
                numbers.append(self._confirmed.get_nowait())
        except queue.Empty:
            return numbers

    def stop(self) -> None:
        """Say goodbye, if there is a connection; does not wait for a broker that is away.

        paho's thread ends by itself afterwards. Its own way to wait for that has no limit.
        """
        connected = self.connected
        self._client.disconnect()
        if connected:
            self._ended.wait(GOODBYE_SECONDS)

    def _log_in(self, options: MqttOptions) -> None:
        if options.password_file is None:
            if options.user is not None:
                self._client.username_pw_set(options.user)
            return
        check_login(options)
        self._client.username_pw_set(options.user, read_secret(options.password_file, shortest=1))
        if not options.tls and not is_loopback(options.host):
            _log.warning("the MQTT password goes to %s without encryption; use TLS", self.address)

    def _encrypt(self, options: MqttOptions) -> None:
        if not options.tls:
            if options.ca_file is not None:
                raise InputError("MQTT certificates are given, but TLS is off", "switch it on")
            return
        try:
            context = ssl.create_default_context(cafile=options.ca_file)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{options.ca_file} holds no certificates to trust: {error}", "name a PEM file"
            ) from error
        self._client.tls_set_context(context)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            self._note(f"the broker refuses: {reason}")
            return
        self._ended.clear()
        self.sessions += 1
        self.trouble = ""
        _log.info("connected to the MQTT broker %s", self.address, extra={"sink": "mqtt"})

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        # paho calls this while it handles the exception, and does not pass it on otherwise.
        self._note(str(sys.exc_info()[1] or "no connection"))

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any
    ) -> None:
        self._ended.set()
        # After a refusal too, where the reason is known better already.
        if reason.is_failure and not self.trouble:
            self._note(f"connection lost: {reason}")

    def _on_publish(self, _client: Any, _data: Any, number: int, _reason: Any, _more: Any) -> None:
        self._confirmed.put(number)

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            _log.warning(
                "MQTT broker %s: %s; messages wait", self.address, trouble, extra={"sink": "mqtt"}
            )
