"""An audio file of any length as a source: read block by block, in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge_ser.audio.files import AUDIO_SUFFIXES
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.capture.intake import NOTHING
from edge_ser.stream.capture.level import count_clipped
from edge_ser.stream.capture.resampler import StreamResampler

BLOCK_SECONDS = 0.1


class AudioFile:
    """A `Source` that reads a file, as fast as it is asked or at the pace of real time.

    Args:
        path: any file libsndfile reads.
        realtime: deliver each block only when its last sample would have been heard.
        clock: seconds, monotonic.

    Raises:
        EnvironmentMissing: soundfile is not installed, or soxr, and the file needs it.
        InputError: no such file, not audio, or empty.
    """

    def __init__(
        self, path: Path, realtime: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        try:
            import soundfile
        except (ImportError, OSError) as error:
            raise EnvironmentMissing(
                f"reading audio files needs soundfile: {error}", "pip install 'edge-ser[audio]'"
            ) from error
        if not path.is_file():
            raise InputError(f"no audio file {path}")
        self._path = path
        self._unreadable: tuple[type[Exception], ...] = (soundfile.LibsndfileError, RuntimeError)
        try:
            self._file: Any = soundfile.SoundFile(path)
        except self._unreadable as error:
            raise self._refusal(error) from error
        if self._file.frames == 0:
            self._file.close()
            raise InputError(f"{path} holds no samples")
        self.live = realtime
        self.rate = float(self._file.samplerate)
        self.connected = True
        self.counters = CaptureCounters()
        self._block = max(1, round(self.rate * BLOCK_SECONDS))
        self._clock = clock
        self._started_at = 0.0
        self._resampler: StreamResampler | None = StreamResampler(self.rate)

    @property
    def label(self) -> str:
        """The file's name."""
        return self._path.name

    def __enter__(self) -> Self:
        self._started_at = self._clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self) -> NDArray[np.float32] | None:
        """The next block; the last one holds the resampler's tail. See `Source.read`."""
        if self._resampler is None:
            return None
        if self.live and not self._is_due():
            return NOTHING
        try:
            frames = self._file.read(self._block, dtype="float32", always_2d=True)
        except self._unreadable as error:
            raise self._refusal(error) from error
        if len(frames) == 0:
            tail = self._resampler.push(NOTHING, last=True)
            self._resampler = None
            return tail if len(tail) else None
        self.counters.frames += len(frames)
        self.counters.clipped += count_clipped(frames)
        mono: NDArray[np.float32] = frames.mean(axis=1)
        if not np.isfinite(mono).all():
            raise InputError(f"{self._path} holds samples that are not finite numbers")
        return self._resampler.push(mono)

    def _is_due(self) -> bool:
        heard = (self.counters.frames + self._block) / self.rate
        return self._clock() - self._started_at >= heard

    def _refusal(self, error: Exception) -> InputError:
        return InputError(
            f"{self._path} cannot be read as audio: {error}",
            f"supported: {', '.join(AUDIO_SUFFIXES)}",
        )
