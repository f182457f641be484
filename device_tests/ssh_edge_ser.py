"""edge-ser on a real device: finding or installing it, `verify`, and `bench`.

One of this version that is there already is used as it is. Otherwise the bundle's own installer
makes one inside the test's folder: nothing outside of it is changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from device_tests.checks import Check, golden_check
from device_tests.ssh_connection import Connection, RemoteOutput
from device_tests.ssh_failures import command_failure, last_words
from device_tests.ssh_machine import RemoteMachine
from edge_ser import __version__
from edge_ser.errors import BundleRefused, EdgeSerError, EnvironmentMissing, GateFailed, InputError

INSTALLER = "run/install.sh"
INSTALL_SECONDS = 1_800.0

# A shell without a login does not know the folder that the installer links the command into.
_FIND = 'PATH="$PATH:$HOME/.local/bin"; command -v edge-ser && edge-ser --version'

# The installer links its command into the home folder; here that is a folder of the test's. pip
# keeps its cache and its settings all the same.
_INSTALL = (
    'export PIP_CACHE_DIR="${PIP_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/pip}"; '
    'export PIP_CONFIG_FILE="${PIP_CONFIG_FILE:-${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf}"; '
    'mkdir "$1/home" && HOME="$1/home" bash "$2" --prefix "$1/installed"'
)

_REFUSED: dict[int, type[EdgeSerError]] = {
    kind.exit_code: kind for kind in (InputError, EnvironmentMissing, BundleRefused)
}
"""Exit codes of the installer and of edge-ser -> what they mean."""


@dataclass(frozen=True)
class RemoteEdgeSer:
    """An edge-ser on a device.

    Attributes:
        path: of the command there.
        origin: "found there", or "installed from the bundle".
    """

    path: str
    origin: str


def find_or_install(
    connection: Connection,
    machine: RemoteMachine,
    folder: str,
    installer: str,
    say: Callable[[str], None],
) -> RemoteEdgeSer:
    """An edge-ser of this version.

    Args:
        connection: to the device.
        machine: what it is.
        folder: the test's folder there.
        installer: path of the unpacked bundle's installer there; "" if it has none.
        say: told before something slow.

    Raises:
        EnvironmentMissing: none is there, and none can be installed.
        BundleRefused: the installer finds the bundle damaged.
    """
    found = connection.run(_FIND, doing="looking for edge-ser").stdout.splitlines()
    if found and found[-1] == f"edge-ser {__version__}":
        return RemoteEdgeSer(found[0], "found there")
    other = f", only {found[-1]}" if found else ""
    here = f"{connection.host} has no edge-ser {__version__} in its PATH{other}"
    if not machine.python:
        raise EnvironmentMissing(
            f"{here}, and no python3 to install one", "sudo apt-get install python3 python3-venv"
        )
    if not installer:
        raise EnvironmentMissing(
            f"{here}, and the bundle has no installer ({INSTALLER})",
            "install it there (docs/INSTALL.md), or export the bundle without --without-run",
        )
    say(f"{connection.host}: installing edge-ser from the bundle; this may take minutes")
    return _install(connection, folder, installer)


def _install(connection: Connection, folder: str, installer: str) -> RemoteEdgeSer:
    doing = "installing edge-ser from the bundle"
    output = connection.run(_INSTALL, folder, installer, doing=doing, limit_seconds=INSTALL_SECONDS)
    path = f"{folder}/installed/venv/bin/edge-ser"
    # The installer ends by verifying the bundle. What fails there is found, and said, again later.
    if connection.run('test -x "$1"', path, doing=doing).code == 0:
        return RemoteEdgeSer(path, "installed from the bundle")
    said = output.stderr or output.stdout
    if output.code in _REFUSED:
        lines = [line.removeprefix("install.sh: ") for line in said.strip().splitlines()]
        message = lines[0] if lines else "the installer gave up"
        raise _REFUSED[output.code](f"{connection.host}: {message}", " ".join(lines[1:]))
    raise command_failure(connection.host, doing, output.code, said)


def verify(
    connection: Connection,
    edge_ser: RemoteEdgeSer,
    bundle: str,
    sha256: str,
    engines: Sequence[str],
) -> tuple[list[Check], dict[str, str]]:
    """`edge-ser verify` there.

    Args:
        connection: to the device.
        edge_ser: which.
        bundle: path of the archive there.
        sha256: of the archive.
        engines: to be checked; none: all that are installed.

    Returns:
        The checks of the golden clips, and the engines left out, with the reason.

    Raises:
        EnvironmentMissing: no runtime is installed there, or one that was asked for is not.
        BundleRefused: it arrived damaged.
        GateFailed: it gave no result.
    """
    words = ["verify", bundle, "--expect-sha256", sha256, "--json"]
    words += [word for engine in engines for word in ("--engine", engine)]
    output = _run(connection, edge_ser, words, "edge-ser verify")
    report = _parse(connection.host, output, "edge-ser verify")
    if "checks" not in report:
        kind = _REFUSED.get(output.code, GateFailed)
        raise kind(f"{connection.host}: {report.get('error')}", str(report.get("hint", "")))
    return [golden_check(entry) for entry in report["checks"]], dict(report["skipped"])


def measure(
    connection: Connection, edge_ser: RemoteEdgeSer, bundle: str, folder: str, rounds: int
) -> dict[str, Any]:
    """`edge-ser bench` there: latency of every model that runs, machine, memory; its JSON.

    Raises:
        GateFailed: it failed, or gave no result.
    """
    file = f"{folder}/bench.json"
    words = ["bench", bundle, "--rounds", str(rounds), "--json", file]
    output = _run(connection, edge_ser, words, "edge-ser bench")
    if output.code != 0:
        raise command_failure(connection.host, "edge-ser bench", output.code, output.stderr)
    fetched = connection.run('cat "$1"', file, doing="fetching the figures")
    return _parse(connection.host, fetched, "edge-ser bench")


def _run(
    connection: Connection, edge_ser: RemoteEdgeSer, words: Sequence[str], doing: str
) -> RemoteOutput:
    return connection.run('exec "$@"', edge_ser.path, *words, doing=doing)


def _parse(host: str, output: RemoteOutput, what: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(output.stdout)
    except ValueError as error:
        said = last_words(output.stderr or output.stdout)
        raise GateFailed(f"{what} gave no result on {host} (code {output.code}): {said}") from error
    return values
