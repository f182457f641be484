"""The broker is killed and comes back: the stream does not notice, messages wait, losses count."""

from __future__ import annotations

import json
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest
from mqtt_broker import Broker, Observer, wait_until
from running_stream import END_SECONDS, Figure, RunningStream, contiguous, speech_file

from edge_ser.stream.sinks.mqtt import BUFFERED

pytestmark = pytest.mark.slow

HOP_SAMPLES = 1_600
FAST = ("--realtime", "--vad", "off", "--hop", "0.1", "--window", "1", "--no-confidence")


def positions(observer: Observer) -> list[int]:
    """Of the readings that arrived, each once: a message may be repeated after a reconnect."""
    found = {json.loads(payload)["end_sample"] for payload in observer.of("edge-ser/reading")}
    return sorted(found)


def test_a_broker_that_dies_and_returns(broker: Broker, tmp_path: Path, figure: Figure) -> None:
    speech = speech_file(tmp_path / "speech.wav", 120.0)
    observer = Observer(broker.port)
    with RunningStream(
        *("--file", str(speech), *FAST, "--mqtt", f"127.0.0.1:{broker.port}"),
        *("--web", "127.0.0.1:0"),
    ) as stream:
        wait_until(lambda: len(positions(observer)) >= 20)
        broker.kill()
        stream.wait_for(lambda: "messages wait" in stream.log, "a word about the broker")
        stream.wait_for(lambda: stream.health()["status"] == "degraded", "a degraded health")
        stream.wait_for_readings(60)
        away = stream.readings[-1]["end_sample"]
        broker.start()
        observer.wait_subscribed()
        wait_until(lambda: positions(observer)[-1] > away + 20 * HOP_SAMPLES)
        stream.wait_for(lambda: stream.health()["status"] == "ok", "a healthy stream")
        stream.terminate()
        wait_until(lambda: positions(observer)[-1] == stream.readings[-1]["end_sample"])
    observer.close()
    assert contiguous(stream.readings, HOP_SAMPLES)
    assert stream.total("windows") == len(stream.readings)
    assert stream.total("samples dropped") == stream.total("skipped") == 0
    assert stream.lost("mqtt") == 0
    # All of them, those of the outage too; the dead broker may have taken one into its grave.
    missing = {reading["end_sample"] for reading in stream.readings} - set(positions(observer))
    figure("windows, not arrived", (stream.total("windows"), len(missing)))
    assert len(missing) <= 1


def test_what_a_long_outage_costs_is_counted(broker: Broker, tmp_path: Path) -> None:
    """More readings than the buffer holds: a file, read at its own pace, with the broker away."""
    broker.kill()
    seconds = 150.0
    speech = speech_file(tmp_path / "speech.wav", seconds)
    with RunningStream(
        *("--file", str(speech), "--vad", "off", "--hop", "0.05", "--window", "1"),
        *("--no-confidence", "--mqtt", f"127.0.0.1:{broker.port}"),
    ) as stream:
        stream.finish()
    windows = stream.total("windows")
    assert windows == len(stream.readings) == round((seconds - 1) / 0.05) + 1 > BUFFERED
    assert stream.lost("stdout") == 0
    assert stream.lost("mqtt") == windows


def test_sigterm_without_a_broker(broker: Broker, tmp_path: Path, figure: Figure) -> None:
    speech = speech_file(tmp_path / "speech.wav", 60.0)
    with RunningStream(
        "--file", str(speech), *FAST, "--mqtt", f"127.0.0.1:{broker.port}"
    ) as stream:
        stream.wait_for_readings(10)
        broker.kill()
        stream.wait_for(lambda: "messages wait" in stream.log, "a word about the broker")
        stream.wait_for_readings(10)
        took = stream.terminate()
        figure("seconds to end", took)
        assert took < END_SECONDS
    windows = stream.total("windows")
    assert windows == len(stream.readings)
    assert 10 <= stream.lost("mqtt") < windows


def test_a_broker_that_takes_the_connection_and_says_nothing(tmp_path: Path) -> None:
    """As a frozen computer: no answer ever comes, also not to the farewell."""
    speech = speech_file(tmp_path / "speech.wav", 60.0)
    with closing(socket.socket()) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]
        with RunningStream("--file", str(speech), *FAST, "--mqtt", f"127.0.0.1:{port}") as stream:
            stream.wait_for_readings(40)
            assert stream.terminate() < END_SECONDS
    assert contiguous(stream.readings, HOP_SAMPLES)
    assert stream.lost("mqtt") == stream.total("windows") == len(stream.readings)


def test_a_broker_that_is_frozen(broker: Broker, tmp_path: Path) -> None:
    """Stopped in the middle of a connection, and woken again."""
    speech = speech_file(tmp_path / "speech.wav", 120.0)
    observer = Observer(broker.port)
    with RunningStream(
        "--file", str(speech), *FAST, "--mqtt", f"127.0.0.1:{broker.port}"
    ) as stream:
        wait_until(lambda: len(positions(observer)) >= 10)
        assert broker.process is not None
        broker.process.send_signal(signal.SIGSTOP)
        try:
            stream.wait_for_readings(60)
        finally:
            broker.process.send_signal(signal.SIGCONT)
        now = stream.readings[-1]["end_sample"]
        wait_until(lambda: positions(observer)[-1] > now)
        stream.terminate()
        wait_until(lambda: positions(observer)[-1] == stream.readings[-1]["end_sample"])
    observer.close()
    assert contiguous(stream.readings, HOP_SAMPLES)
    assert stream.lost("mqtt") == 0
    assert positions(observer) == [reading["end_sample"] for reading in stream.readings]
