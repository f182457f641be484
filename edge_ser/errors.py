"""The errors a user can cause or mend; the command line prints them without a traceback.

Each says what was wrong and, as its hint, what is supported and what to do next.
"""

from __future__ import annotations


class EdgeSerError(Exception):
    """Base of all expected failures.

    Args:
        message: what was wrong, one sentence.
        hint: what is supported or the next command to run; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class GateFailed(EdgeSerError):
    """A measured figure (size, drift, golden vector) missed its gate."""

    exit_code = 1


class InputError(EdgeSerError):
    """The user's arguments or files cannot be used."""

    exit_code = 2


class EnvironmentMissing(EdgeSerError):
    """A package, runtime or system library is not installed or does not work."""

    exit_code = 3


class BundleRefused(EdgeSerError):
    """The bundle is corrupt, incompatible or unsafe; nothing of it was loaded."""

    exit_code = 4


class AudioDeviceError(EdgeSerError):
    """The microphone or the audio system failed."""

    exit_code = 5
