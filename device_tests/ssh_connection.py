"""One connection to a real device with the system's ssh, shared by many commands.

The user's own ssh configuration, keys and agent are used; nothing asks a question. A master
process holds the connection, so that a device is asked for its key and lets us in only once.
Files travel through a command's standard input: no sftp server is needed there.
"""

from __future__ import annotations

import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from device_tests.ssh_address import SshAddress
from device_tests.ssh_failures import command_failure, connection_failure, last_words
from edge_ser.errors import EdgeSerError, EnvironmentMissing, GateFailed, InputError

DEFAULT_LIMIT_SECONDS = 600.0
_SSH_FAILED = 255
"""ssh's exit code when it failed itself, and when the program there was killed by a signal."""
_POLL_SECONDS = 0.05
_QUIET_OPTIONS = (
    *("-T", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ClearAllForwardings=yes"),
    *("-o", "ForwardAgent=no", "-o", "ForwardX11=no", "-o", "PermitLocalCommand=no"),
    *("-o", "RemoteCommand=none", "-o", "ControlPersist=no"),
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"),
)


@dataclass(frozen=True)
class SshOptions:
    """What is not left to the user's ssh configuration.

    Attributes:
        identity: private key file to use, and no other.
        known_hosts: file with the device's key.
        config: instead of the user's own configuration and the system's.
        connect_seconds: patience until the device lets us in.
    """

    identity: Path | None = None
    known_hosts: Path | None = None
    config: Path | None = None
    connect_seconds: int = 20


@dataclass(frozen=True)
class RemoteOutput:
    """What a command there left: exit code, and what it printed."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Connection:
    """An open connection.

    Attributes:
        host: for messages.
        words: of ssh, up to the destination.
    """

    host: str
    words: tuple[str, ...]

    def command(self, script: str, *arguments: str, marker: str = "") -> list[str]:
        """Words that run a shell script there.

        Args:
            script: one line for a POSIX shell; arguments are its $1, $2 and so on.
            arguments: any text.
            marker: printed on a line of its own before all output of the script, since the
                account's start-up files may print as well.
        """
        if marker:
            script = f"echo {marker}; {script}"
        # The account's own shell may be any; messages must be in English to be understood.
        inner = ["env", "LC_ALL=C", "sh", "-c", script, "sh", *arguments]
        return [*self.words, f"exec {shlex.join(inner)}"]

    def run(
        self,
        script: str,
        *arguments: str,
        doing: str,
        data: Path | None = None,
        limit_seconds: float = DEFAULT_LIMIT_SECONDS,
    ) -> RemoteOutput:
        """Run a shell script there, whatever its exit code.

        Args:
            script, arguments: see `command`.
            doing: what for, for messages.
            data: file for its standard input.
            limit_seconds: after which it is given up.

        Raises:
            InputError: the account runs no commands.
            GateFailed: the connection broke off, or the program was killed or not done in time.
        """
        marker = new_marker()
        command = self.command(script, *arguments, marker=marker)
        with open(data or "/dev/null", "rb") as input_file:
            try:
                done = subprocess.run(
                    command, stdin=input_file, capture_output=True, timeout=limit_seconds
                )
            except subprocess.TimeoutExpired as error:
                raise GateFailed(
                    f"{doing} on {self.host} was not done within {limit_seconds:g} s"
                ) from error
        stdout, stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if done.returncode == _SSH_FAILED:
            raise GateFailed(
                f"{doing} broke off on {self.host}: {last_words(stderr)}",
                "the connection was lost, or the device ended the program (for want of memory?)",
            )
        before, found, printed = stdout.partition(f"{marker}\n")
        if found:
            return RemoteOutput(done.returncode, printed, stderr)
        raise InputError(
            f"{self.host} runs no commands for this user: {(before + stderr).strip()[:200]!r}",
            "the account needs an ordinary login shell",
        )

    def succeed(
        self,
        script: str,
        *arguments: str,
        doing: str,
        data: Path | None = None,
        limit_seconds: float = DEFAULT_LIMIT_SECONDS,
    ) -> str:
        """Standard output of a script that must succeed.

        Raises:
            EdgeSerError: as for `run`, or it failed; the message says why.
        """
        output = self.run(script, *arguments, doing=doing, data=data, limit_seconds=limit_seconds)
        if output.code != 0:
            raise command_failure(self.host, doing, output.code, output.stderr or output.stdout)
        return output.stdout

    def send(self, file: Path, path: str, doing: str) -> None:
        """Copy a file there.

        Raises:
            EdgeSerError: as for `succeed`.
        """
        self.succeed('cat > "$1"', path, doing=doing, data=file)


def new_marker() -> str:
    """A word that nothing else prints."""
    return f"edge-ser-{secrets.token_hex(8)}"


@contextmanager
def connect(address: SshAddress, options: SshOptions) -> Iterator[Connection]:
    """Open a connection; it ends with the context.

    Args:
        address: of the device.
        options: see there.

    Raises:
        EnvironmentMissing: there is no ssh here.
        InputError: a file of the options is not there, the device cannot be reached, its key is
            not known, or it lets us not in.
        GateFailed: the connection failed for another reason.
    """
    if shutil.which("ssh") is None:
        raise EnvironmentMissing(
            "reaching a device needs ssh",
            "on Debian or Ubuntu: sudo apt-get install openssh-client",
        )
    for needed in (options.identity, options.known_hosts):
        _require(needed)
    with tempfile.TemporaryDirectory(prefix="edge-ser-") as scratch:
        # Short: the path of a socket has about 100 characters at most.
        words = ("ssh", "-S", f"{scratch}/ssh", *_words(address, options))
        errors = Path(scratch, "errors")
        with errors.open("wb") as file:
            master = subprocess.Popen(
                [*words[:1], "-M", "-N", *words[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )
        try:
            _wait(master, words, address.host, errors, options.connect_seconds)
            yield Connection(address.host, words)
        finally:
            master.terminate()
            master.wait()


def _require(file: Path | None) -> None:
    if file is not None and not file.is_file():
        raise InputError(f"no file {file}", "name an existing one")


def _words(address: SshAddress, options: SshOptions) -> list[str]:
    words = [*_QUIET_OPTIONS, "-o", f"ConnectTimeout={options.connect_seconds}"]
    if options.config:
        words += ["-F", str(options.config)]
    if options.identity:
        words += ["-i", str(options.identity), "-o", "IdentitiesOnly=yes"]
    if options.known_hosts:
        words += ["-o", f'UserKnownHostsFile="{options.known_hosts}"']
    if address.port is not None:
        words += ["-p", str(address.port)]
    if address.user:
        words += ["-l", address.user]
    return [*words, "--", address.host]


def _wait(
    master: subprocess.Popen[bytes],
    words: tuple[str, ...],
    host: str,
    errors: Path,
    seconds: int,
) -> None:
    """Until the master holds a connection; raises when it has given up."""
    check = [*words[:1], "-O", "check", *words[1:]]
    # ssh's own limit is for the network alone; a device may also hang afterwards.
    deadline = time.monotonic() + 2 * seconds
    while master.poll() is None:
        if subprocess.run(check, capture_output=True).returncode == 0:
            return
        if time.monotonic() > deadline:
            raise _silent(host, 2 * seconds)
        time.sleep(_POLL_SECONDS)
    raise connection_failure(host, errors.read_text(errors="replace"))


def _silent(host: str, seconds: int) -> EdgeSerError:
    return InputError(
        f"{host} cannot be reached: it accepted the connection and then said nothing for "
        f"{seconds} s",
        "is it an ssh server that listens at this port?",
    )
