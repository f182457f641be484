"""Storing what the model heard: only on request, bounded, and announced.

The file holds the 16 kHz mono float samples exactly as the windows saw them, so a reading's
`start_sample` and `end_sample` index into it. Nothing else in this room writes audio.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.errors import EnvironmentMissing, InputError

_log = logging.getLogger(__name__)

LONGEST_SECONDS = 600.0
"""A recording ends here even if the stream goes on."""


class Recorder:
    """A WAV file (32-bit float, 16 kHz, mono) of at most `LONGEST_SECONDS`, its owner's alone.

    Args:
        path: must not exist yet, and end in .wav.
        limit: samples after which nothing more is stored.

    Raises:
        InputError: the file exists or cannot be created.
        EnvironmentMissing: soundfile is not installed.
    """

    def __init__(self, path: Path, limit: int = round(LONGEST_SECONDS * SAMPLE_RATE)) -> None:
        try:
            import soundfile
        except (ImportError, OSError) as error:
            raise EnvironmentMissing(
                f"recording needs soundfile: {error}", "pip install 'edge-ser[audio]'"
            ) from error
        _refuse_other_suffix(path)
        self.path = path
        self._left = limit
        self._empty = True
        descriptor = _created(path)
        try:
            self._file: Any = soundfile.SoundFile(
                descriptor,
                mode="w",
                samplerate=SAMPLE_RATE,
                channels=1,
                subtype="FLOAT",
                format="WAV",
            )
        except (soundfile.LibsndfileError, OSError) as error:
            with contextlib.suppress(OSError):  # libsndfile may have closed it
                os.close(descriptor)
            path.unlink(missing_ok=True)
            raise _refusal(path, error) from error

    @property
    def active(self) -> bool:
        """Whether more samples would be stored."""
        return self._left > 0

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append (n,) samples at 16 kHz, up to the limit.

        A disk that is full ends the recording, with a word in the log, and not the stream.
        """
        kept = samples[: self._left]
        if not len(kept):
            return
        try:
            self._file.write(kept)
        except (RuntimeError, OSError) as error:
            # LibsndfileError is a RuntimeError; its text is no more than "System error".
            _log.warning("recording into %s ends, the disk may be full: %s", self.path, error)
            self._left = 0
            return
        self._left -= len(kept)
        self._empty = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            self._file.close()
        if self._empty:
            # A stream that never started must not block the name for the next attempt.
            self.path.unlink(missing_ok=True)


def check_new_recording(path: Path) -> None:
    """What `Recorder` refuses of a name, without creating a file.

    Raises:
        InputError: it does not end in .wav, or the file exists.
    """
    _refuse_other_suffix(path)
    if os.path.lexists(path):
        raise _overwriting(path)


def _refuse_other_suffix(path: Path) -> None:
    if path.suffix.lower() != ".wav":
        raise InputError(f"--record {path} must name a .wav file")


def _overwriting(path: Path) -> InputError:
    return InputError(
        f"--record would overwrite {path}", "name a new file, or delete this one first"
    )


def _created(path: Path) -> int:
    """A descriptor of a new file that nobody else may read, whatever the umask says."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise _overwriting(path) from error
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(
        f"cannot record into {path}: {reason}", "does its folder exist, and may you write?"
    )
