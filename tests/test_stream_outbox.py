"""A sink on its own thread: order, bounds, what is lost and counted, failures, farewell."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_fixtures import INFO, KeepingSink, sample_reading
from test_stream_sinks import SUMMARY, a_meter

from edge_ser.stream import outbox as outbox_module
from edge_ser.stream.outbox import Outbox, close_all
from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event, Reading

EVENT = Event("arousal > 0.6", "loud", True, 1.8e9, 5.0, 0.62, 0.0)


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


class Gate(KeepingSink):
    """Takes readings only while its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.entered = threading.Event()

    def reading(self, reading: Reading) -> None:
        """Keep, once the gate is open."""
        self.entered.set()
        assert self.open.wait(30)
        super().reading(reading)


class Failing(Sink):
    """Raises what it is told to."""

    name = "failing"

    def __init__(self, errors: list[Exception | None], essential: bool = False) -> None:
        self.essential = essential
        self.errors = errors

    def reading(self, reading: Reading) -> None:
        """Raise the next error, if it is one."""
        error = self.errors.pop(0)
        if error is not None:
            raise error


def stuck(live: bool, capacity: int) -> tuple[Gate, Outbox]:
    """An outbox whose sink hangs in its first reading (t = 0)."""
    sink = Gate()
    outbox = Outbox(sink, live, capacity)
    outbox.start(INFO)
    outbox.put(sample_reading(t=0.0))
    assert sink.entered.wait(20)
    return sink, outbox


def test_everything_arrives_in_order_and_the_newest_meter_only() -> None:
    sink, outbox = stuck(live=True, capacity=10)
    for t in range(1, 4):
        outbox.meter(a_meter(seconds=float(t)))
        outbox.put(sample_reading(t=float(t)))
    outbox.put(EVENT)
    sink.open.set()
    close_all([outbox], SUMMARY)
    assert [reading.t for reading in sink.readings] == [0, 1, 2, 3]
    assert [meter.seconds for meter in sink.meters] == [3.0]
    assert (sink.infos, sink.events, sink.summaries) == ([INFO], [EVENT], [SUMMARY])
    delivery = outbox.delivery
    assert (delivery.sent, delivery.lost, delivery.failures, delivery.waiting) == (5, 0, 0, 0)


@settings(max_examples=25, deadline=None)
@given(capacity=st.integers(2, 20), readings=st.integers(0, 60), events=st.integers(0, 3))
def test_a_live_stream_never_waits_and_counts_every_loss(
    capacity: int, readings: int, events: int
) -> None:
    sink, outbox = stuck(live=True, capacity=capacity)
    for _ in range(events):
        outbox.put(EVENT)
    for t in range(1, readings + 1):
        outbox.put(sample_reading(t=float(t)))
    assert outbox.delivery.waiting <= capacity
    sink.open.set()
    close_all([outbox], SUMMARY)
    delivery = outbox.delivery
    assert delivery.sent == len(sink.readings) + len(sink.events)
    assert delivery.sent + delivery.lost == 1 + readings + events
    # The newest survive, and events outlive readings.
    times = [reading.t for reading in sink.readings[1:]]
    assert times == [float(t) for t in range(readings - len(times) + 1, readings + 1)]
    assert len(sink.events) == min(events, capacity)


def test_a_file_waits_for_a_slow_sink_and_loses_nothing() -> None:
    sink, outbox = stuck(live=False, capacity=2)
    outbox.put(sample_reading(t=1.0))
    outbox.put(sample_reading(t=2.0))
    waiting = threading.Thread(target=outbox.put, args=(sample_reading(t=3.0),), daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    sink.open.set()
    waiting.join(20)
    close_all([outbox], SUMMARY)
    assert [reading.t for reading in sink.readings] == [0, 1, 2, 3]
    assert outbox.delivery.lost == 0


def test_a_request_to_stop_ends_the_waiting_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "FAREWELL_SECONDS", 0.1)
    sink, requested = Gate(), threading.Event()
    outbox = Outbox(sink, live=False, capacity=2, stopped=requested.is_set)
    outbox.start(INFO)
    for t in range(3):
        outbox.put(sample_reading(t=float(t)))
        assert sink.entered.wait(20)
    requested.set()
    outbox.put(sample_reading(t=3.0))
    close_all([outbox], SUMMARY)
    assert outbox.delivery.lost == 4  # three, and the one that the sink hangs over
    sink.open.set()


def test_a_failing_sink_is_counted_logged_once_and_called_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = ConnectionRefusedError(111, "refused")
    sink = Failing([refused, ConnectionRefusedError(111, "refused"), None, None])
    outbox = Outbox(sink, live=True)
    with caplog.at_level(logging.INFO, logger="edge_ser"):
        outbox.start(INFO)
        for t in range(4):
            outbox.put(sample_reading(t=float(t)))
        close_all([outbox], SUMMARY)
    delivery = outbox.delivery
    assert (delivery.sent, delivery.lost, delivery.failures) == (2, 2, 2)
    assert delivery.error == ""
    assert [record.getMessage() for record in caplog.records] == [
        "failing failed: ConnectionRefusedError: [Errno 111] refused",
        "failing works again",
    ]
    assert outbox.failure is None


def test_what_a_sink_loses_later_is_added() -> None:
    sink = KeepingSink()
    sink.lost = 7
    outbox = Outbox(sink, live=True)
    assert outbox.delivery.lost == 7


def test_an_essential_sink_that_fails_is_the_streams_failure() -> None:
    broken = BrokenPipeError(32, "broken")
    outbox = Outbox(Failing([broken], essential=True), live=False, capacity=1)
    outbox.start(INFO)
    outbox.put(sample_reading(t=0.0))
    eventually(lambda: outbox.failure is broken)
    for t in range(5):  # nothing waits for it any more
        outbox.put(sample_reading(t=float(t)))
    close_all([outbox], SUMMARY)
    assert outbox.delivery.lost == 6


def test_a_sink_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "FAREWELL_SECONDS", 0.2)
    sink, outbox = stuck(live=True, capacity=8)
    outbox.put(sample_reading(t=1.0))
    others = [stuck(live=True, capacity=8) for _ in range(20)]
    begun = time.monotonic()
    close_all([outbox, *(other for _, other in others)], SUMMARY)
    assert time.monotonic() - begun < 3  # one farewell for all of them
    assert outbox.delivery.lost == 2  # the one that waits, and the one that it hangs over
    for gate, _ in others:
        gate.open.set()
    sink.open.set()


def test_what_was_given_up_is_not_counted_again_when_it_is_taken_after_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "FAREWELL_SECONDS", 0.1)
    sink, outbox = stuck(live=True, capacity=8)
    outbox.put(sample_reading(t=1.0))
    close_all([outbox], SUMMARY)
    sink.open.set()
    eventually(lambda: sink.summaries == [SUMMARY])
    assert (outbox.delivery.sent, outbox.delivery.lost) == (0, 2)
