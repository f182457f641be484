"""Raw samples from standard input.

A pipe can wait, so by default nothing of it is lost: when 10 s are waiting here, reading stops,
the pipe fills up and the program at its other end waits (`ffmpeg -i talk.mp3 -f s16le - |`).
A recorder must not wait for long, or it loses audio itself (`arecord -t raw |`): with `live` the
pipe is always emptied at once, and what finds the buffer full is dropped and counted.
"""

from __future__ import annotations

import os
import select
import threading
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import InputError
from edge_ser.stream.capture.fed_source import FedSource
from edge_ser.stream.capture.intake import Intake
from edge_ser.stream.capture.pcm import PcmDecoder
from edge_ser.stream.options import PcmInput

MOST_BYTES = 65_536
"""Read at once; less than the buffer holds at the lowest rate."""

WAIT_SECONDS = 0.5
"""For room in the buffer, before asking whether the stream is over."""


class PcmPipe(FedSource):
    """A `Source` that reads a file descriptor to its end.

    Args:
        samples: how the bytes are to be understood.
        live: never let the sender wait.
        descriptor: readable; stays open.

    Raises:
        InputError: it is a terminal.
    """

    label = "standard input"
    connected = True
    """The end of the pipe is the end of the stream, not an interruption."""

    def __init__(self, samples: PcmInput, live: bool, descriptor: int) -> None:
        if os.isatty(descriptor):
            raise InputError(
                "raw samples are expected on standard input, which is a terminal",
                "pipe them in: arecord -t raw -f S16_LE -r 16000 | edge-ser stream --pcm",
            )
        super().__init__(Intake(samples.rate))
        self.live = live
        self._samples = samples
        self._descriptor = descriptor
        self._closing = threading.Event()
        self._wake_reading, self._wake_writing = os.pipe()
        self._thread = threading.Thread(target=self._run, name="pipe", daemon=True)

    def __enter__(self) -> Self:
        self._intake.begin(self._samples.rate)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        os.write(self._wake_writing, b"x")
        self._thread.join()
        os.close(self._wake_writing)
        os.close(self._wake_reading)

    def _run(self) -> None:
        """The reading thread."""
        decoder = PcmDecoder(self._samples, self.counters)
        with self._feeding("reading"):
            while not self._closing.is_set() and (data := self._next_bytes()):
                self._hand_over(decoder.feed(data))
            decoder.finish()

    def _next_bytes(self) -> bytes:
        """Waits for bytes; empty at the end of the pipe or of the stream."""
        try:
            ready, _, _ = select.select([self._descriptor, self._wake_reading], [], [])
            return b"" if self._wake_reading in ready else os.read(self._descriptor, MOST_BYTES)
        except OSError as error:
            raise InputError(f"{self.label} cannot be read: {error.strerror}") from error

    def _hand_over(self, frames: NDArray[np.float32]) -> None:
        if not self.live:
            while not self._intake.wait_for_room(len(frames), WAIT_SECONDS):
                if self._closing.is_set():
                    return
        self._intake.write(frames)
