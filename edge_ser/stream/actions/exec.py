"""Starts a program for every event of a rule, without a shell.

The event comes on standard input as one line of JSON and in `EDGE_SER_*` variables; it never
becomes part of the command. Of this process's environment only what a small program needs is
passed on, so no secret in it is. One program runs at a time; one that takes too long is ended
together with what it has started, and nothing it has started outlives it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import shlex
import shutil
import signal
import subprocess
import threading
from typing import IO

from edge_ser.errors import InputError
from edge_ser.stream.actions.action import Action, ActionFailed, event_json
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.reading import Event

TIME_LIMIT_SECONDS = 30.0
GRACE_SECONDS = 2.0
"""Between asking an overdue program to end and ending it."""

INHERITED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    # What desktop notifications and sounds need.
    *("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"),
)
"""Variables of this process that the program sees."""

OUTPUT_KEPT = 2_000
"""Last bytes of the program's output that the log gets."""

_log = logging.getLogger(__name__)


class Exec(Action):
    """One program.

    Args:
        rule: whose events start it.
        command: program and arguments, quoted as for a shell; nothing in it is expanded.
        number: of the rule, from 1.
        limit: seconds that it may take.

    Raises:
        InputError: the quotes do not match, or there is no such program.
    """

    def __init__(
        self, rule: RuleOptions, command: str, number: int, limit: float = TIME_LIMIT_SECONDS
    ) -> None:
        super().__init__(rule, "exec", number)
        self._arguments = split_command(command)
        self._limit = limit

    def act(self, event: Event) -> None:
        """Run the program and wait for it."""
        program = self._arguments[0]
        try:
            code, output = _run(self._arguments, event, self._limit)
        except (OSError, ValueError) as error:
            raise ActionFailed(f"{program} cannot be started: {error}") from error
        if output:
            _log.info("%s: %s", program, output, extra={"sink": self.name})
        if code is None:
            raise ActionFailed(f"{program} was ended after {self._limit:g} s")
        if code:
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ActionFailed(f"{program} ended with {reason}")


def split_command(command: str) -> list[str]:
    """Program and arguments.

    Raises:
        InputError: the quotes do not match, or there is no such program.
    """
    hint = "name an executable and its arguments; for a shell's features put them into a script"
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise InputError(f"--exec {command!r}: {error}", hint) from error
    if not arguments or "\0" in command:
        raise InputError(f"--exec {command!r} names no program", hint)
    if shutil.which(arguments[0]) is None:
        raise InputError(f"--exec: there is no program {arguments[0]!r} to start", hint)
    return arguments


def environment(event: Event) -> dict[str, str]:
    """All that the program sees."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **kept,
        "EDGE_SER_NAME": event.name,
        "EDGE_SER_RULE": event.rule,
        "EDGE_SER_ACTIVE": "1" if event.active else "0",
        "EDGE_SER_T": f"{event.t:.3f}",
        "EDGE_SER_TIME": f"{event.time:.3f}",
        "EDGE_SER_VALUE": "" if event.value is None else f"{event.value:.4f}",
        "EDGE_SER_HELD_SECONDS": f"{event.held_seconds:.3f}",
    }


def _run(arguments: list[str], event: Event, limit: float) -> tuple[int | None, str]:
    """Exit code, None if it took too long, and the end of the output."""
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(event),
        # A group of its own, so that whatever it starts can be ended with it.
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    tail = _Tail(process.stdout)
    # The stream may end meanwhile, and does not wait for long.
    at_exit = functools.partial(_signal_group, process, signal.SIGKILL)
    atexit.register(at_exit)
    # It need not read its input; what is sent is far shorter than a pipe is deep.
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(event_json(event).encode() + b"\n")
    code: int | None = None
    try:
        code = process.wait(limit)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()
        atexit.unregister(at_exit)
    return code, tail.text()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class _Tail:
    """Reads a program's output to its end, so that it never waits, and keeps the last bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._read, name="exec output", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:
            while chunk := self._stream.read1(65_536):  # type: ignore[attr-defined]
                self._kept = (self._kept + chunk)[-OUTPUT_KEPT:]

    def text(self) -> str:
        """Once the program has ended: one line for the log, nothing in it acts on a terminal."""
        # Only a descendant that left the group could still hold the pipe: it is not waited for.
        self._thread.join(GRACE_SECONDS)
        lines = self._kept.decode(errors="replace").split("\n")
        return " | ".join(
            "".join(c if c.isprintable() else "?" for c in line) for line in lines if line.strip()
        )
