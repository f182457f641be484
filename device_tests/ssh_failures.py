"""What ssh's last words mean: one sentence and what to do, for each way a connection fails."""

from __future__ import annotations

from edge_ser.errors import EdgeSerError, EnvironmentMissing, GateFailed, InputError

_REASONS = (
    (
        ("REMOTE HOST IDENTIFICATION HAS CHANGED",),
        "{host} has another key than before",
        "if it was reinstalled, forget the old one (ssh-keygen -R HOST) and connect once by hand; "
        "if not, somebody may be in between",
    ),
    (
        ("Host key verification failed",),
        "the key of {host} is not known here",
        "connect once by hand (ssh user@host), compare the fingerprint it shows with the device's, "
        "and say yes; or name a file: --known-hosts FILE",
    ),
    (
        ("Permission denied", "Too many authentication failures", "no such identity"),
        "{host} does not let this user in",
        "it has to be a key that needs no question: ssh-copy-id user@host once, and ssh-add if "
        "the key has a passphrase; another key: --identity FILE",
    ),
    (
        ("Could not resolve hostname",),
        "there is no host called {host}",
        "check the name, or use the device's IP address",
    ),
    (
        ("Connection refused",),
        "{host} is there, but no ssh server answers",
        "on a Raspberry Pi: sudo raspi-config, Interface Options, SSH; or another port: "
        "ssh://user@host:PORT",
    ),
    (
        ("timed out", "No route to host", "Network is unreachable", "Host is down"),
        "{host} cannot be reached",
        "is the device on, and in the same network?",
    ),
    (
        ("too long for Unix domain socket", "ControlPath too long"),
        "{host} was not asked, since the folder for temporary files has too long a name",
        "choose a shorter one: TMPDIR=/tmp",
    ),
    (
        ("Bad configuration option", "Can't open user config file"),
        "ssh does not accept its configuration",
        "try the same by hand: ssh user@host true",
    ),
)
"""Words of ssh -> the sentence and the hint. The first that fits counts."""

_DISK_FULL = "No space left on device"
_NOT_EXECUTED = 126
"""A shell's exit code for a program that is there and does not start."""


def connection_failure(host: str, said: str) -> EdgeSerError:
    """Why there is no connection.

    Args:
        host: of the address.
        said: ssh's standard error.
    """
    for words, message, hint in _REASONS:
        if any(word in said for word in words):
            return InputError(f"{message.format(host=host)}: {last_words(said)}", hint)
    return GateFailed(
        f"the connection to {host} failed: {last_words(said)}",
        "try the same by hand: ssh user@host true",
    )


def command_failure(host: str, doing: str, code: int, said: str) -> EdgeSerError:
    """Why a command there failed.

    Args:
        host: of the address.
        doing: what for, e.g. "copying the bundle".
        code: its exit code.
        said: what it said.
    """
    if _DISK_FULL in said:
        return EnvironmentMissing(
            f"{host} has no space left for {doing}: {last_words(said)}",
            "free some, or name a folder on another disk: ssh://user@host/folder",
        )
    if code == _NOT_EXECUTED and "Permission denied" in said:
        return InputError(
            f"{host} does not execute programs in that folder: {last_words(said)}",
            "it may be mounted without execution; name another: ssh://user@host/folder",
        )
    return GateFailed(f"{doing} failed on {host} with code {code}: {last_words(said)}")


def last_words(said: str) -> str:
    """The end of what a program said, in one line."""
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    return " / ".join(lines[-2:]) or "it said nothing"
