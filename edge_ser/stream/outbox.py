"""One sink on a thread of its own, so that a slow or broken receiver never holds up the stream.

Between the two lies a bounded queue. In a live stream the oldest readings give way when it is
full, because audio cannot wait; a file can, so there the stream waits and nothing is lost. What
was lost is counted, per sink. Of meters only the newest is kept: they are states, not history.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Delivery, Event, Meter, Reading, StreamInfo, Summary

CAPACITY = 512
"""Messages that wait for one sink: four minutes of readings at the default hop."""

FAREWELL_SECONDS = 2.0
"""How long a stream that cannot wait gives a sink at its end to take what is left."""

_POLL_SECONDS = 0.5

Message = Reading | Event

_log = logging.getLogger(__name__)


class Outbox:
    """Delivers to one sink.

    Args:
        sink: may block, may raise.
        live: whether the stream cannot wait for it.
        capacity: messages that may wait.
        stopped: whether the user wants the stream to end, so that even a file does not wait.
    """

    def __init__(
        self,
        sink: Sink,
        live: bool,
        capacity: int = CAPACITY,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.sink = sink
        self._live = live
        self._stopped = stopped
        self._capacity = capacity
        self._changed = threading.Condition()
        self._queue: deque[Message] = deque()
        self._meter: Meter | None = None
        self._info: StreamInfo | None = None
        self._summary: Summary | None = None
        self._closing = False
        self._sent = self._lost = self._failures = 0
        self._in_hand = False
        self._error = ""
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name=f"sink {sink.name}", daemon=True)

    @property
    def delivery(self) -> Delivery:
        """How the sink fares, as of now."""
        with self._changed:
            lost, waiting = self.sink.lost, self.sink.waiting
            return Delivery(
                sink=self.sink.name,
                sent=max(self._sent - lost - waiting, 0),
                lost=self._lost + lost,
                failures=self._failures,
                waiting=len(self._queue) + waiting,
                error=self._error or self.sink.trouble,
                essential=self.sink.essential,
            )

    @property
    def failure(self) -> Exception | None:
        """Why an essential sink has failed; None while it works, and for other sinks."""
        return self._failure

    def start(self, info: StreamInfo) -> None:
        """Start the thread; the sink's `start` is the first thing that it does."""
        self._info = info
        self._thread.start()

    def meter(self, meter: Meter) -> None:
        """Replace the meter that waits."""
        with self._changed:
            self._meter = meter
            self._changed.notify_all()

    def put(self, message: Message) -> None:
        """Queue a reading or an event, if the sink wants such messages at all."""
        if isinstance(message, Reading) and type(self.sink).reading is Sink.reading:
            return
        with self._changed:
            while len(self._queue) >= self._capacity and self._failure is None:
                if not self._hurried:
                    self._changed.wait(_POLL_SECONDS)
                elif not self._make_room(message):
                    return
            self._queue.append(message)
            self._changed.notify_all()

    def close(self, summary: Summary) -> None:
        """The last message: what waits is still delivered, then the summary."""
        with self._changed:
            self._summary, self._closing = summary, True
            self._changed.notify_all()

    def join(self, deadline: float) -> None:
        """Wait for the sink to take what is left; what it does not take in time is lost.

        Args:
            deadline: of `time.monotonic`, for a stream that cannot wait.
        """
        while self._thread.is_alive():
            self._thread.join(_POLL_SECONDS / 5)
            if self._hurried and time.monotonic() > deadline:
                break
        with self._changed:
            # What the sink still hangs over counts too: nobody waits for it any more.
            self._lost += len(self._queue) + self._in_hand
            self._in_hand = False
            self._queue.clear()

    @property
    def _hurried(self) -> bool:
        return self._live or self._stopped()

    def _make_room(self, message: Message) -> bool:
        """Lose the oldest reading: an event is said once, a reading is followed by the next.

        False if only events wait, and it is the new reading that is lost.
        """
        self._lost += 1
        readings = (at for at, waiting in enumerate(self._queue) if isinstance(waiting, Reading))
        oldest = next(readings, None)
        if oldest is None and isinstance(message, Reading):
            return False
        del self._queue[oldest or 0]
        return True

    def _work(self) -> None:
        assert self._info is not None
        self._attempt("start", self._info)
        while True:
            with self._changed:
                while not self._queue and self._meter is None and not self._closing:
                    self._changed.wait()
                message = self._queue.popleft() if self._queue else None
                self._in_hand = message is not None
                meter, self._meter = self._meter, None
                ending = self._closing and message is None
                self._changed.notify_all()
            if message is not None:
                self._deliver(message)
            if meter is not None:
                self._attempt("meter", meter)
            if ending:
                break
        if self._summary is not None:
            self._attempt("finish", self._summary)

    def _deliver(self, message: Message) -> None:
        taken = self._attempt("reading" if isinstance(message, Reading) else "event", message)
        with self._changed:
            if not self._in_hand:
                return  # `join` has given it up, and counted it
            self._sent += taken
            self._lost += not taken
            self._in_hand = False

    def _attempt(self, method: str, argument: object) -> bool:
        """Call the sink; False if it has failed, now or, being essential, before."""
        if self._failure is not None:
            return False
        try:
            getattr(self.sink, method)(argument)
        except Exception as error:
            self._note(error)
            return False
        if self._error and method in ("reading", "event"):
            _log.info("%s works again", self.sink.name, extra={"sink": self.sink.name})
            self._error = ""
        return True

    def _note(self, error: Exception) -> None:
        words = f"{type(error).__name__}: {error}"
        with self._changed:
            self._failures += 1
            repeated = words == self._error
            self._error = words
            if self.sink.essential:
                self._failure = error
                self._changed.notify_all()
        if not repeated and not self.sink.essential:
            _log.warning("%s failed: %s", self.sink.name, words, extra={"sink": self.sink.name})


def close_all(outboxes: list[Outbox], summary: Summary) -> None:
    """Finish all of them, within one deadline."""
    for outbox in outboxes:
        outbox.close(summary)
    deadline = time.monotonic() + FAREWELL_SECONDS
    for outbox in outboxes:
        outbox.join(deadline)
