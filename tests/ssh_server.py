"""A real sshd on this machine's loopback, with keys, home folder and PATH of its own.

It serves the user who runs the tests, root in CI, and knows one key. What a login may do is decided
by the folders it is given, so that a test can make a device without Python, or one whose start-up
files print.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from device_tests.ssh_address import SshAddress
from device_tests.ssh_connection import SshOptions

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
_PATIENCE_SECONDS = 10.0
_BASICS = (
    *("sh", "bash", "env", "uname", "getconf", "cat", "tr", "sed", "head", "cut", "mktemp"),
    *("tar", "gzip", "rm", "mkdir", "chmod", "test", "ls"),
)


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: on 127.0.0.1.
        folder: its keys; `id` is the one that it lets in, `stranger` is not.
        home: of its logins.
        path: first folder of their PATH.
        temporary: their folder for temporary files.
    """

    port: int
    folder: Path
    home: Path
    path: Path
    temporary: Path

    @property
    def options(self) -> SshOptions:
        """That let us in. The configuration of whoever runs the tests is left alone."""
        return SshOptions(
            self.folder / "id", self.folder / "known_hosts", Path("none"), connect_seconds=5
        )

    @property
    def leftovers(self) -> list[Path]:
        """What a test of a device has not removed (runtimes keep files of their own there)."""
        return list(self.temporary.glob("edge-ser-*"))

    def address(self, folder: str = "") -> SshAddress:
        """Where it is."""
        return SshAddress("127.0.0.1", port=self.port, folder=folder)

    def provide(self, name: str, script: str) -> None:
        """Put a program into the logins' PATH."""
        program = self.path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)


@contextmanager
def start_server(folder: Path, bare: bool = False) -> Iterator[Server]:
    """Start one; it ends with the context.

    Args:
        folder: empty.
        bare: whether the logins find only what every Linux has: no Python, no compiler.
    """
    if SSHD is None:
        pytest.skip("there is no sshd: sudo apt-get install openssh-server")
    if os.getuid() == 0:
        # What an installed service makes for itself; as an ordinary user sshd does not ask for it.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    places = {name: folder / name for name in ("home", "bin", "tmp")}
    for place in places.values():
        place.mkdir(parents=True)
    if bare:
        for name in _BASICS:
            found = shutil.which(name)
            assert found, name
            (places["bin"] / name).symlink_to(found)
    for key in ("host", "other-host", "id", "stranger"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(command, check=True)
    port = _free_port()
    _write_configuration(folder, places, port, bare)
    server = Server(port, folder, places["home"], places["bin"], places["tmp"])
    with (folder / "log").open("wb") as log:
        command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(command, stderr=log)
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_configuration(folder: Path, places: dict[str, Path], port: int, bare: bool) -> None:
    shutil.copy(folder / "id.pub", folder / "authorized_keys")
    for name, key in (("known_hosts", "host"), ("changed_hosts", "other-host")):
        kind, data = (folder / f"{key}.pub").read_text().split()[:2]
        (folder / name).write_text(f"[127.0.0.1]:{port} {kind} {data}\n")
    (folder / "no_hosts").touch()
    path = str(places["bin"]) if bare else f"{places['bin']}:/usr/local/bin:/usr/bin:/bin"
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "SetEnv": f"PATH={path} HOME={places['home']} TMPDIR={places['tmp']}",
    }
    lines = (f"{name} {value}\n" for name, value in settings.items())
    (folder / "sshd_config").write_text("".join(lines))


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1.0).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"sshd did not start: {(server.folder / 'log').read_text()}")
