"""Which exceptions of a verb a user can mend, and what to say then.

Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from edge_ser.errors import EdgeSerError, EnvironmentMissing, InputError

_EXTRAS = {
    **dict.fromkeys(("train-teacher", "label", "distill", "evaluate"), "train"),
    **dict.fromkeys(("export", "drift", "bench", "device-test"), "export"),
    "data": "data",
}
_OTHER_VERBS = "rpi"

_OWN_PACKAGES = ("edge_ser", "calibration", "firmware_export", "device_tests")


def expected_failure(verb: str, error: Exception) -> EdgeSerError | None:
    """What to tell the user of an exception that a verb raised.

    Args:
        verb: which one, e.g. "export".
        error: raised by it.

    Returns:
        The error itself, or one that replaces it; None for a bug.
    """
    if isinstance(error, EdgeSerError):
        return error
    if isinstance(error, ImportError):
        return _import_failure(verb, error)
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return _system_failure(error)
    return None


def _system_failure(error: OSError) -> InputError:
    reason = error.strerror or str(error)
    if error.filename is None:
        return InputError(reason, "the operating system refused a file or folder")
    return InputError(
        f"{error.filename}: {reason}",
        "check that the path is right, that its folder exists, and who may read and write it",
    )


def _import_failure(verb: str, error: ImportError) -> EnvironmentMissing | None:
    package = (error.name or "").partition(".")[0]
    if package in _OWN_PACKAGES:
        return None
    extra = _EXTRAS.get(verb, _OTHER_VERBS)
    return EnvironmentMissing(
        f"a package that {verb} needs cannot be imported: {error}",
        f"pip install 'edge-ser[{extra}]'",
    )
