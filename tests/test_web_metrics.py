"""Health and metrics: what they say of a stream that works, one in trouble, and one that stands."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from web_fixtures import (
    RULE,
    SUMMARY,
    Answered,
    served,
    web_event,
    web_info,
    web_meter,
    web_reading,
)

from edge_ser.stream.reading import Delivery
from edge_ser.stream.web.health import PATIENCE_SECONDS, health_fields, judge
from edge_ser.stream.web.live_state import LiveState
from edge_ser.stream.web.metrics import MetricsText, Traffic

BROKER = Delivery("mqtt", sent=1, lost=2, failures=3, waiting=4, error="ConnectionError: refused")
DISK = Delivery(
    "stdout", sent=1, lost=0, failures=1, waiting=0, error="OSError: full", essential=True
)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def running(clock: Clock) -> LiveState:
    """A stream that has just given a reading and a meter."""
    state = LiveState(clock)
    state.start(web_info())
    state.reading(web_reading(0))
    state.meter(web_meter(1.0))
    return state


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    """(name, labels) -> value, with what Prometheus' own parser checks."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """Of one sample."""
    return samples[(f"edge_ser_{name}", frozenset(labels.items()))]


# Health


def test_a_stream_that_works_is_ok() -> None:
    state = running(Clock())
    assert judge(state.snapshot()).status == "ok"
    fields = health_fields(state.snapshot(), ended=False)
    assert fields["reasons"] == []
    assert fields["state"] == "speech"
    assert fields["audio_seconds"] == 1.0


def test_before_the_start_and_after_the_end_it_is_failing() -> None:
    assert judge(LiveState(Clock()).snapshot()).status == "failing"
    ended = health_fields(running(Clock()).snapshot(), ended=True)
    assert (ended["status"], ended["reasons"]) == ("failing", ["the stream has ended"])


def test_the_first_seconds_are_no_failure() -> None:
    clock = Clock()
    state = LiveState(clock)
    state.start(web_info())
    clock.now += PATIENCE_SECONDS - 1
    assert judge(state.snapshot()).status == "ok"
    assert health_fields(state.snapshot(), ended=False)["reading_age_seconds"] is None


def test_a_vanished_source_is_failing_at_once() -> None:
    state = running(Clock())
    state.meter(web_meter(1.0, connected=False))
    health = judge(state.snapshot())
    assert health.status == "failing"
    assert health.reasons == ("the source is disconnected: USB microphone",)


def test_a_source_that_gives_nothing_is_failing_after_a_while() -> None:
    clock = Clock()
    state = running(clock)
    clock.now += PATIENCE_SECONDS + 2
    state.meter(web_meter(1.0))
    assert judge(state.snapshot()).reasons == ("no audio for 12 s",)
    state.meter(web_meter(1.1))
    state.reading(web_reading(1))
    assert judge(state.snapshot()).status == "ok"


def test_a_model_that_stands_still_is_failing() -> None:
    clock = Clock()
    state = running(clock)
    for second in range(14):
        clock.now += 1
        state.meter(web_meter(2.0 + second))
    assert judge(state.snapshot()).reasons == ("audio arrives, but no reading for 14 s",)


def test_a_stream_that_says_nothing_any_more_is_failing() -> None:
    clock = Clock()
    state = running(clock)
    clock.now += PATIENCE_SECONDS + 5
    assert judge(state.snapshot()).reasons == ("no news from the stream for 15 s",)


def test_a_broken_receiver_degrades_and_an_essential_one_fails() -> None:
    state = running(Clock())
    state.meter(web_meter(2.0, deliveries=(BROKER,)))
    health = judge(state.snapshot())
    assert health.status == "degraded"
    assert health.reasons == ("mqtt: ConnectionError: refused",)
    state.meter(web_meter(3.0, deliveries=(BROKER, DISK)))
    health = judge(state.snapshot())
    assert health.status == "failing"
    assert "stdout" in health.reasons[0]


def test_health_by_http_has_the_status_code_of_its_word() -> None:
    with served() as page:
        assert Answered(page, "/health").status == 200
        page.reading(web_reading(0))
        page.meter(web_meter(deliveries=(BROKER,)))
        degraded = Answered(page, "/health")
        assert (degraded.status, degraded.json["status"]) == (200, "degraded")
        page.meter(web_meter(connected=False))
        failing = Answered(page, "/health")
        assert (failing.status, failing.json["status"]) == (503, "failing")
        assert failing.headers["Content-Type"] == "application/json"


# Metrics


def test_prometheus_understands_every_line() -> None:
    with served() as page:
        for number, state in enumerate(["speech", "speech", "no speech", "uncertain", "speech"]):
            page.reading(web_reading(number, state=state, inference_ms=4.0))
        for active in (True, False, True):
            page.event(web_event(active))
        page.meter(web_meter(3.0, dropped=5, overflows=1, clipped=7, skipped=2, reconnects=3))
        answered = Answered(page, "/metrics")
        assert answered.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        samples = parsed(answered.text)
    assert value(samples, "audio_seconds_total") == 3.0
    assert value(samples, "dropped_frames_total") == 5
    assert value(samples, "overflows_total") == 1
    assert value(samples, "clipped_samples_total") == 7
    assert value(samples, "skipped_windows_total") == 2
    assert value(samples, "reconnects_total") == 3
    assert value(samples, "source_connected") == 1
    assert value(samples, "healthy") == 1
    assert value(samples, "recording") == 0
    assert value(samples, "level_dbfs") == -24.0
    assert value(samples, "speech_probability") == 0.87
    assert value(samples, "speech_ratio") == 0.9
    assert value(samples, "arousal") == pytest.approx(web_reading(4).arousal)
    assert value(samples, "confidence", dimension="valence") == 0.52
    assert value(samples, "readings_total", state="speech") == 3
    assert value(samples, "readings_total", state="no speech") == 1
    assert value(samples, "inference_seconds_count") == 5
    assert value(samples, "inference_seconds_sum") == pytest.approx(0.02)
    assert value(samples, "rule_events_total", rule=RULE) == 2
    assert value(samples, "sink_lost_total", sink="mqtt") == 18
    assert value(samples, "sink_waiting", sink="mqtt") == 7
    assert value(samples, "sink_failing", sink="mqtt") == 0
    assert 0 <= value(samples, "reading_age_seconds") < 60
    info = next(labels for name, labels in samples if name == "edge_ser_stream_info")
    assert ("detector", "silero") in info
    assert samples[("process_resident_memory_bytes", frozenset())] > 1e6


def test_names_follow_the_conventions() -> None:
    text = MetricsText(running(Clock()).snapshot, Traffic())().decode()
    for family in text_string_to_metric_families(text):
        assert re.fullmatch(r"(edge_ser|process)_[a-z_]+", family.name)
        assert family.documentation
        assert family.type in ("counter", "gauge", "summary")
        names = {sample.name for sample in family.samples}
        assert all(name.endswith("_total") for name in names) == (family.type == "counter") or (
            not names
        )
        assert not re.search(r"_(ms|milliseconds|minutes|kb|percent)(_|$)", family.name)


def test_values_that_are_not_there_are_left_out() -> None:
    state = running(Clock())
    state.reading(web_reading(1, state="no speech", speech_share=None))
    state.meter(web_meter(2.0, speech=None, deliveries=()))
    samples = parsed(MetricsText(state.snapshot, Traffic())().decode())
    names = {name for name, _ in samples}
    for absent in ("arousal", "dominance", "valence", "speech_ratio", "speech_probability"):
        assert f"edge_ser_{absent}" not in names
    empty = LiveState(Clock())
    samples = parsed(MetricsText(empty.snapshot, Traffic())().decode())
    assert value(samples, "healthy") == 0
    assert ("edge_ser_audio_seconds_total", frozenset()) not in samples


@settings(deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_names_of_microphones_and_rules_cannot_forge_metrics(text: str) -> None:
    state = LiveState(Clock())
    state.start(web_info(source=text))
    state.event(replace(web_event(True), name=text))
    state.meter(web_meter(1.0, deliveries=(replace(BROKER, sink=text),)))
    samples = parsed(MetricsText(state.snapshot, Traffic())().decode())
    shown = text.encode("utf-8", "replace").decode()
    assert value(samples, "sink_lost_total", sink=shown) == 2
    assert value(samples, "rule_events_total", rule=shown) == 1


def test_refused_requests_and_clients_are_counted() -> None:
    with served() as page:
        Answered(page, "/health", headers={"Host": "evil.example"})
        samples = parsed(Answered(page, "/metrics").text)
    assert value(samples, "web_refused_requests_total") == 1
    assert value(samples, "web_clients") == 0
    assert value(samples, "web_missed_messages_total") == 0


def test_counters_only_grow() -> None:
    clock = Clock()
    state = running(clock)
    render = MetricsText(state.snapshot, Traffic())
    before = parsed(render().decode())
    for number in range(1, 50):
        clock.now += 0.5
        state.reading(web_reading(number, state="speech" if number % 3 else "no speech"))
        state.meter(web_meter(1 + number / 2, clipped=number))
        after = parsed(render().decode())
        for key, was in before.items():
            if key[0].startswith("edge_ser") and key[0].endswith("_total"):
                assert after[key] >= was or math.isnan(was)
        before = after


def test_finishing_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with served() as page:
        page.finish(SUMMARY)
        page.finish(SUMMARY)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
