"""MQTT against a real broker: delivery, its absence, encryption, Home Assistant's discovery."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_broker import Broker, Observer, wait_until
from stream_fixtures import INFO, sample_reading

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.options import MqttOptions, RuleOptions
from edge_ser.stream.outbox import Outbox, close_all
from edge_ser.stream.reading import Event, Meter, Summary
from edge_ser.stream.sinks import mqtt, mqtt_connection
from edge_ser.stream.sinks.home_assistant import (
    Topics,
    discovery_message,
    discovery_topic,
    rule_keys,
    slug,
)
from edge_ser.stream.sinks.mqtt import Mqtt

RULES = (RuleOptions("arousal > 0.65 for 3s", name="Excited!"), RuleOptions("valence < 0.3"))
SUMMARY = Summary(5.0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6.0, 6.0)
PASSWORD = "correct horse"


def an_event(active: bool, name: str = "Excited!") -> Event:
    """Of the first rule."""
    return Event("arousal > 0.65 for 3s", name, active, 1_800_000_000.25, 12.5, 0.71, 0.0)


def a_meter(**changes: Any) -> Meter:
    """A plausible meter."""
    counters = dict.fromkeys(
        ("clipped", "dropped", "overflows", "reconnects", "gaps", "invalid", "skipped"), 0
    )
    values = {"seconds": 12.0, "uptime": 13.0, "connected": True, "level_dbfs": -23.0}
    more = {"peak_dbfs": -11.0, "speech": None, "recording": False}
    return Meter(**{**values, **more, **counters, **changes})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter pauses between attempts, and a shorter farewell."""
    monkeypatch.setattr(mqtt_connection, "FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(mqtt, "FAREWELL_SECONDS", 0.3)


@pytest.fixture
def observer(broker: Broker) -> Iterator[Observer]:
    """At that broker."""
    watching = Observer(broker.port)
    yield watching
    watching.close()


def at(broker: Broker, **changes: Any) -> MqttOptions:
    """Options for it."""
    return MqttOptions("127.0.0.1", broker.port, client="test-client", **changes)


def pump(sink: Mqtt, condition: Callable[[], Any]) -> None:
    """Let the stream go on, without readings, until something has happened."""

    def met() -> bool:
        sink.meter(a_meter())
        return bool(condition())

    wait_until(met)


def connected(sink: Mqtt) -> Mqtt:
    """Started and with a connection."""
    sink.start(INFO)
    wait_until(lambda: sink._connection.connected and not sink._connection.trouble)
    return sink


# --- delivery ---


def test_readings_events_and_states_arrive(broker: Broker, observer: Observer) -> None:
    sink = connected(Mqtt(at(broker), RULES))
    sink.reading(sample_reading(arousal=0.6234567))
    sink.event(an_event(True))
    sink.meter(a_meter(dropped=7))
    sink.finish(SUMMARY)
    wait_until(lambda: observer.of("edge-ser/status")[-1:] == ["offline"])
    wait_until(lambda: observer.of("edge-ser/event") and observer.of("edge-ser/reading"))
    reading = json.loads(observer.of("edge-ser/reading")[0])
    assert (reading["type"], reading["arousal"]) == ("reading", 0.6234567)
    event = json.loads(observer.of("edge-ser/event")[0])
    assert (event["name"], event["active"], event["value"]) == ("Excited!", True, 0.71)
    state = json.loads(observer.of("edge-ser/state")[0])
    assert (state["state"], state["arousal"], state["speech_share"]) == ("speech", 0.623, None)
    assert observer.of("edge-ser/rule/excited") == ["OFF", "ON"]
    assert observer.of("edge-ser/rule/valence_0_3") == ["OFF"]
    assert json.loads(observer.of("edge-ser/health")[0])["dropped"] == 7
    assert observer.of("edge-ser/status") == ["online", "offline"]
    assert sink.lost == 0


def test_states_are_retained_and_history_is_not(broker: Broker, observer: Observer) -> None:
    sink = connected(Mqtt(at(broker), RULES))
    sink.reading(sample_reading())
    sink.event(an_event(True))
    sink.meter(a_meter())
    wait_until(lambda: observer.of("edge-ser/event") and observer.of("edge-ser/health"))
    late = Observer(broker.port)
    wait_until(lambda: len(late.messages) == 6)
    assert {topic for topic, _, retained in late.messages if retained} == {
        "edge-ser/status",
        "edge-ser/state",
        "edge-ser/health",
        "edge-ser/rule/excited",
        "edge-ser/rule/valence_0_3",
        "homeassistant/device/test-client/config",
    }
    late.close()
    sink.finish(SUMMARY)


def test_a_stream_that_dies_is_reported_by_the_broker(broker: Broker, observer: Observer) -> None:
    sink = connected(Mqtt(at(broker)))
    sink.meter(a_meter())
    wait_until(lambda: observer.of("edge-ser/status") == ["online"])
    # The process is gone: its connection breaks without a goodbye.
    sink._connection._client._sock.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: "offline" in observer.of("edge-ser/status"))
    wait_until(lambda: sink._connection.sessions == 2)
    sink.meter(a_meter())
    wait_until(lambda: observer.of("edge-ser/status")[-1] == "online")
    sink.finish(SUMMARY)


def test_states_come_at_most_once_per_second_of_audio(broker: Broker, observer: Observer) -> None:
    sink = connected(Mqtt(at(broker)))
    for step in range(9):
        sink.reading(sample_reading(t=5 + step * 0.25))
        # Each is sent before the next one could replace it.
        pump(sink, lambda: not sink._flying)
    wait_until(lambda: len(observer.of("edge-ser/reading")) == 9)
    assert len(observer.of("edge-ser/state")) == 3
    sink.finish(SUMMARY)


def test_health_follows_what_changes(broker: Broker, observer: Observer) -> None:
    sink = connected(Mqtt(at(broker)))
    for meter in (a_meter(), a_meter(dropped=5), a_meter(connected=False)):
        sink.meter(meter)
        wait_until(lambda: len(sink._flying) == sink._connection._confirmed.qsize())
    sink.finish(SUMMARY)
    wait_until(lambda: len(observer.of("edge-ser/health")) == 2)
    assert [json.loads(text)["connected"] for text in observer.of("edge-ser/health")] == [
        *(True, False)
    ]


# --- a broker that is away ---


def test_a_broker_that_comes_later_gets_everything(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.kill()
    sink = Mqtt(at(broker), RULES)
    sink.start(INFO)
    begun = time.monotonic()
    for step in range(50):
        sink.reading(sample_reading(t=step * 0.5))
    sink.event(an_event(True))
    sink.meter(a_meter())
    assert time.monotonic() - begun < 5
    assert sink.lost == 0
    broker.start()
    observer = Observer(broker.port)
    pump(sink, lambda: observer.of("edge-ser/event"))
    assert observer.times() == [step * 0.5 for step in range(50)]
    assert observer.of("edge-ser/rule/excited")[-1] == "ON"
    sink.finish(SUMMARY)
    assert sink.lost == 0
    observer.close()
    broker.kill()


def test_a_broker_that_is_killed_and_restarted_misses_nothing(
    broker: Broker, observer: Observer
) -> None:
    sink = connected(Mqtt(at(broker), RULES))
    for step in range(10):
        sink.reading(sample_reading(t=float(step)))
    pump(sink, lambda: len(observer.of("edge-ser/reading")) == 10)
    pump(sink, lambda: not sink._flying)
    broker.kill()
    wait_until(lambda: not sink._connection.connected)
    for step in range(10, 60):
        sink.reading(sample_reading(t=float(step)))
    observer.messages.clear()
    broker.start()
    # A publisher may be back before a subscriber: the states prove that they are sent again.
    observer.wait_subscribed()
    pump(sink, lambda: not (sink._waiting or sink._flying))
    sink.reading(sample_reading(t=60.0))
    wait_until(lambda: 60.0 in observer.times())
    assert observer.of("edge-ser/status")[-1] == "online"
    assert observer.of("homeassistant/device/test-client/config")
    sink.finish(SUMMARY)
    assert sink.lost == 0


def test_the_buffer_is_bounded_and_what_gives_way_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "BUFFERED", 10)
    broker = Broker(tmp_path)
    broker.kill()
    sink = Mqtt(at(broker), RULES)
    sink.start(INFO)
    sink.event(an_event(True))
    for step in range(30):
        sink.reading(sample_reading(t=float(step)))
    # Readings give way before the event.
    assert sink.lost == 21
    broker.start()
    observer = Observer(broker.port)
    pump(sink, lambda: len(observer.of("edge-ser/reading")) == 9)
    assert observer.times() == [float(step) for step in range(21, 30)]
    assert len(observer.of("edge-ser/event")) == 1
    sink.finish(SUMMARY)
    assert sink.lost == 21
    observer.close()
    broker.kill()


def test_a_stream_that_ends_without_the_broker_counts_what_is_left(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.kill()
    sink = Mqtt(at(broker))
    sink.start(INFO)
    for step in range(5):
        sink.reading(sample_reading(t=float(step)))
    begun = time.monotonic()
    sink.finish(SUMMARY)
    assert time.monotonic() - begun < 10
    assert sink.lost == 5


def test_a_broker_that_hangs_holds_nothing_up(broker: Broker) -> None:
    sink = connected(Mqtt(at(broker)))
    pump(sink, lambda: not sink._flying)
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    for step in range(50):
        sink.reading(sample_reading(t=float(step)))
    sink.finish(SUMMARY)
    assert time.monotonic() - begun < 10
    assert sink.lost == 50


def test_the_outbox_reports_what_the_broker_never_got(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.kill()
    outbox = Outbox(Mqtt(at(broker)), live=True)
    outbox.start(INFO)
    for step in range(5):
        outbox.put(sample_reading(t=float(step)))

    def troubled() -> bool:
        outbox.meter(a_meter())
        return outbox.delivery.waiting == 5 and "refused" in outbox.delivery.error

    wait_until(troubled)
    assert (outbox.delivery.sent, outbox.delivery.lost) == (0, 0)
    close_all([outbox], SUMMARY)
    delivery = outbox.delivery
    assert (delivery.sent, delivery.lost, delivery.waiting) == (0, 5, 0)


def test_a_file_waits_for_the_broker_and_loses_nothing(
    broker: Broker, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "BUFFERED", 10)
    sink = Mqtt(at(broker))
    sink.start(type(INFO)(**{**vars(INFO), "live": False}))
    wait_until(lambda: sink._connection.connected)
    for step in range(500):
        sink.reading(sample_reading(t=float(step)))
    sink.finish(SUMMARY)
    wait_until(lambda: len(observer.of("edge-ser/reading")) == 500)
    assert observer.times() == [float(step) for step in range(500)]
    assert sink.lost == 0


# --- who may ---


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Broker]:
    """A broker that asks for a password."""
    passwords = tmp_path / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), "pi", PASSWORD],
        check=True,
        capture_output=True,
    )
    running = Broker(tmp_path, f"allow_anonymous false\npassword_file {passwords}")
    yield running
    running.kill()


def a_secret(folder: Path, text: str, mode: int = 0o600) -> Path:
    """A file that holds it."""
    path = folder / "secret"
    path.write_text(text + "\n")
    path.chmod(mode)
    return path


def test_the_password_comes_from_a_private_file(guarded: Broker, tmp_path: Path) -> None:
    options = at(guarded, user="pi", password_file=a_secret(tmp_path, PASSWORD))
    sink = connected(Mqtt(options))
    sink.reading(sample_reading())
    sink.finish(SUMMARY)
    assert sink.lost == 0


def test_a_refusal_is_said_once_and_tried_again(
    guarded: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Mqtt(at(guarded, user="pi", password_file=a_secret(tmp_path, "wrong")))
    sink.start(INFO)
    sink.reading(sample_reading())
    wait_until(lambda: "refuses" in sink._connection.trouble)
    sink.finish(SUMMARY)
    assert sink.lost == 1
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= 30]
    assert len([text for text in warnings if "Not authorized" in text]) == 1
    assert not any("wrong" in text for text in warnings)


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = a_secret(tmp_path, PASSWORD, 0o644)
    with pytest.raises(InputError, match="can be read or changed by other users"):
        Mqtt(MqttOptions("127.0.0.1", user="pi", password_file=secret))


def test_a_password_in_the_clear_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = a_secret(tmp_path, PASSWORD)
    Mqtt(MqttOptions("broker.example", user="pi", password_file=secret))
    assert "without encryption" in caplog.text
    caplog.clear()
    Mqtt(MqttOptions("broker.example", user="pi", password_file=secret, tls=True))
    assert not caplog.text


# --- encryption ---


def openssl(folder: Path, *arguments: str) -> None:
    """Run it."""
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate authority and a server's certificate for `localhost`."""
    folder = tmp_path_factory.mktemp("tls")
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl(folder, *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost")
    more = ("-addext", "basicConstraints=critical,CA:FALSE")
    names = ("-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=localhost")
    openssl(folder, *new, *names, *signing, *more)
    return folder


@pytest.fixture
def encrypted(authority: Path, tmp_path: Path) -> Iterator[Broker]:
    """A broker that speaks TLS only."""
    running = Broker(
        tmp_path,
        f"allow_anonymous true\ncertfile {authority}/server.pem\nkeyfile {authority}/server.key",
    )
    yield running
    running.kill()


def test_tls_with_a_private_authority(encrypted: Broker, authority: Path) -> None:
    options = MqttOptions("localhost", encrypted.port, tls=True, ca_file=authority / "ca.pem")
    sink = connected(Mqtt(options))
    sink.reading(sample_reading())
    sink.finish(SUMMARY)
    assert sink.lost == 0


@pytest.mark.parametrize(
    ("host", "trusted", "words"),
    [
        ("localhost", False, "certificate verify failed"),
        ("127.0.0.1", True, "certificate verify failed"),
    ],
    ids=["unknown authority", "another name"],
)
def test_a_certificate_that_is_not_trusted_is_refused(
    encrypted: Broker, authority: Path, host: str, trusted: bool, words: str
) -> None:
    ca_file = authority / "ca.pem" if trusted else None
    sink = Mqtt(MqttOptions(host, encrypted.port, tls=True, ca_file=ca_file))
    sink.start(INFO)
    sink.reading(sample_reading())
    wait_until(lambda: words in sink._connection.trouble)
    sink.finish(SUMMARY)
    assert sink.lost == 1


# --- options ---


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": ""}, "not an address"),
        ({"host": "two words"}, "not an address"),
        ({"topic": ""}, "not an MQTT topic"),
        ({"topic": "home/#"}, "not an MQTT topic"),
        ({"topic": "/home"}, "not an MQTT topic"),
        ({"topic": "home//voice"}, "not an MQTT topic"),
        ({"topic": "$SYS"}, "not an MQTT topic"),
        ({"topic": "a\nb"}, "not an MQTT topic"),
        ({"discovery": "+"}, "not an MQTT topic"),
        ({"password_file": Path("/dev/null")}, "needs a user"),
        ({"user": "pi", "password_file": Path("/nowhere/secret")}, "cannot be read"),
        ({"ca_file": Path("ca.pem")}, "TLS is off"),
        ({"tls": True, "ca_file": Path("/nowhere/ca.pem")}, "no certificates"),
        ({"tls": True, "ca_file": Path(__file__)}, "no certificates"),
    ],
)
def test_unusable_options_are_refused_at_once(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Mqtt(MqttOptions(**{"host": "127.0.0.1", **changes}))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt", None)
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(EnvironmentMissing) as missing:
        Mqtt(MqttOptions("127.0.0.1"))
    assert "edge-ser[outputs]" in missing.value.hint


def test_the_client_of_a_host_and_topic_is_the_same_after_a_restart() -> None:
    first, second = (Mqtt(MqttOptions("127.0.0.1")) for _ in range(2))
    other = Mqtt(MqttOptions("127.0.0.1", topic="home/kitchen"))
    assert first._client == second._client != other._client


# --- Home Assistant ---


def the_message() -> dict[str, Any]:
    """For two rules."""
    rules = rule_keys(["Excited!", "valence < 0.3"])
    return discovery_message("pi", "edge-ser (pi)", Topics("edge-ser"), rules, INFO)


def test_discovery_describes_the_device_and_every_entity() -> None:
    message = the_message()
    assert message["device"]["identifiers"] == ["pi"]
    assert message["device"]["model"] == "wav2small on fake"
    assert message["origin"]["name"] == "edge-ser"
    assert message["availability_topic"] == "edge-ser/status"
    components = message["components"]
    for name in ("arousal", "dominance", "valence"):
        assert components[name] == {
            "platform": "sensor",
            "name": name.capitalize(),
            "unique_id": f"pi_{name}",
            "state_topic": "edge-ser/state",
            "value_template": f"{{{{ value_json.{name} }}}}",
            "state_class": "measurement",
            "suggested_display_precision": 2,
            "expire_after": 60,
        }
        assert components[f"{name}_confidence"]["entity_category"] == "diagnostic"
    assert components["rule_excited"] == {
        "platform": "binary_sensor",
        "name": "Excited!",
        "unique_id": "pi_rule_excited",
        "state_topic": "edge-ser/rule/excited",
    }
    assert components["connected"]["device_class"] == "connectivity"
    assert components["state"]["options"] == ["speech", "no speech", "uncertain"]
    assert "state_class" not in components["state"]


def test_every_entity_has_an_id_of_its_own_and_a_topic_that_is_published() -> None:
    components = the_message()["components"].values()
    ids = [component["unique_id"] for component in components]
    assert len(set(ids)) == len(ids)
    topics = Topics("edge-ser")
    published = {topics.state, topics.health, topics.rule("excited"), topics.rule("valence_0_3")}
    assert {component["state_topic"] for component in components} == published


def test_every_template_names_a_field_that_is_published() -> None:
    fields = {**mqtt.state_fields(sample_reading()), **mqtt.health_fields(a_meter())}
    for component in the_message()["components"].values():
        if template := component.get("value_template"):
            (field,) = (word for word in template.split() if word.startswith("value_json."))
            assert field.removeprefix("value_json.") in fields


def test_discovery_can_be_left_out(broker: Broker, observer: Observer) -> None:
    sink = connected(Mqtt(at(broker, discovery=None)))
    sink.reading(sample_reading())
    sink.finish(SUMMARY)
    wait_until(lambda: observer.of("edge-ser/reading"))
    assert not [topic for topic, _, _ in observer.messages if topic.startswith("homeassistant")]


@settings(deadline=None)
@given(st.lists(st.text(max_size=100), unique=True, max_size=8))
def test_keys_are_unique_and_fit_into_topics(names: list[str]) -> None:
    keys = rule_keys(names)
    assert len(set(keys.values())) == len(names)
    for key in keys.values():
        assert key and set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_the_discovery_topic_follows_home_assistants_rules() -> None:
    assert discovery_topic("homeassistant", slug("My Pi.local")) == (
        "homeassistant/device/my_pi_local/config"
    )
