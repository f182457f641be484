"""What all sources share that have a thread of their own to fill an intake."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import AudioDeviceError, EdgeSerError
from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.capture.intake import Intake


class FedSource(ABC):
    """The reader's side of a `Source`; a subclass has the label, and starts and ends the thread.

    Args:
        intake: what the thread fills.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    @property
    @abstractmethod
    def label(self) -> str:
        """What is listened to, for people."""

    @property
    def rate(self) -> float:
        """Of the newest device or sender; as the user said until one has come."""
        return self._intake.rate

    @property
    def connected(self) -> bool:
        """Whether the device is open, or a sender sends."""
        return self._intake.connected

    @property
    def counters(self) -> CaptureCounters:
        """See `CaptureCounters`."""
        return self._intake.counters

    def read(self) -> NDArray[np.float32] | None:
        """Audio since the last call, a second at most; see `Source.read`."""
        return self._intake.read()

    @contextmanager
    def _feeding(self, work: str) -> Iterator[None]:
        """The thread's whole life: the stream learns how it has ended.

        Args:
            work: what the thread does, for the message if it fails in a way that nobody foresaw.
        """
        failure: EdgeSerError | None = None
        try:
            yield
        except EdgeSerError as error:
            failure = error
        except Exception as error:
            # A thread that died without a word would leave a stream that waits for ever.
            failure = AudioDeviceError(f"{self.label}: {work} failed: {error}")
            raise
        finally:
            self._intake.close(failure)
