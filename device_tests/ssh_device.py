"""A bundle on a real device over ssh: copied, checked, measured; then everything is removed.

The device's own Python runtimes run `verify` and `bench`, the C engine its vectors, and the program
in the bundle the golden clips: whatever of these the device and the bundle can do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_tests.c_checks import BoardReport, speech_of
from device_tests.checks import Check
from device_tests.ssh_address import SshAddress
from device_tests.ssh_connection import Connection, SshOptions, connect
from device_tests.ssh_edge_ser import (
    INSTALLER,
    RemoteEdgeSer,
    find_or_install,
    measure,
    verify,
)
from device_tests.ssh_failures import command_failure
from device_tests.ssh_live import PROGRAM, check_program, has_program
from device_tests.ssh_machine import RemoteMachine, check_target, describe
from device_tests.ssh_probe import run_probe
from device_tests.ssh_report import SshReport
from edge_ser import __version__
from edge_ser.bundle import Bundle, open_bundle, pack
from edge_ser.bundle.packing import archive_folder
from edge_ser.errors import EdgeSerError, EnvironmentMissing, GateFailed, InputError
from firmware_export.targets import find_target

DEFAULT_ROUNDS = 50

_MAKE_FOLDER = 'umask 077; mktemp -d "${1:-${TMPDIR:-/tmp}}/edge-ser-XXXXXXXX"'
_PYTHON, _LATENCY, _C_ENGINE = "Python runtimes", "latency", "C engine"


@dataclass(frozen=True)
class SshSettings:
    """How a device is tested.

    Attributes:
        cache: folder for everything that is made once.
        ssh: see there.
        engines: Python runtimes to check; empty: all that are installed there.
        rounds: timed inferences of each model.
        c_engine: whether the C engine is tried too.
        speech: clips to cut vectors from; empty: the bundle's golden clips.
        say: told what goes on.
    """

    cache: Path
    ssh: SshOptions = field(default_factory=SshOptions)
    engines: tuple[str, ...] = ()
    rounds: int = DEFAULT_ROUNDS
    c_engine: bool = True
    speech: tuple[NDArray[np.float32], ...] = ()
    say: Callable[[str], None] = print


def run_over_ssh(address: SshAddress, path: Path, settings: SshSettings) -> SshReport:
    """Test a bundle on a device.

    Args:
        address: of the device.
        path: the bundle, folder or archive.
        settings: see there.

    Raises:
        InputError: the device cannot be reached or lets us not in, or the bundle is for another
            kind of device.
        EnvironmentMissing: nothing of the bundle can run there: why, and what to install; or its
            disk is full.
        BundleRefused: damaged or unsafe.
        GateFailed: the device broke off, or gave no values.
    """
    with open_bundle(path) as bundle, connect(address, settings.ssh) as connection:
        machine = describe(connection)
        check_target(address.host, machine, bundle.manifest.target)
        with remote_folder(connection, address.folder, settings.say) as folder:
            test = _Test(connection, machine, folder, bundle, settings)
            return test.run(str(address))


@contextmanager
def remote_folder(connection: Connection, parent: str, say: Callable[[str], None]) -> Iterator[str]:
    """A new folder there, removed with the context; said if that fails."""
    doing = "making a folder"
    output = connection.run(_MAKE_FOLDER, parent, doing=doing)
    folder = output.stdout.strip()
    if output.code != 0 or not folder.startswith("/"):
        failure = command_failure(connection.host, doing, output.code, output.stderr)
        raise (
            failure
            if isinstance(failure, EnvironmentMissing)
            else InputError(str(failure), "name another folder: ssh://user@host/folder")
        )
    try:
        yield folder
    finally:
        try:
            connection.succeed('rm -rf -- "$1"', folder, doing="removing the test's folder")
        except EdgeSerError as error:
            say(f"{folder} is still there: {error}")


@dataclass
class _Test:
    """One test under way: where, with what, and what was left out so far."""

    connection: Connection
    machine: RemoteMachine
    folder: str
    bundle: Bundle
    settings: SshSettings
    skipped: dict[str, str] = field(default_factory=dict)

    def run(self, address: str) -> SshReport:
        """Everything that can run."""
        archive, sha256 = self._copy()
        edge_ser = self._edge_ser()
        checks = self._golden(edge_ser, archive, sha256) if edge_ser else []
        bench = self._bench(edge_ser, archive) if edge_ser else None
        checks += self._program()
        board = self._c_engine()
        if not checks and board is None:
            reasons = "; ".join(f"{what}: {why}" for what, why in self.skipped.items())
            raise EnvironmentMissing(
                f"nothing of this bundle can run on {self._host} ({reasons})",
                "install there what is named, or export another bundle",
            )
        origin = f"{__version__}, {edge_ser.origin}" if edge_ser else ""
        return SshReport(
            address, self.machine, origin, tuple(checks), bench, board, dict(self.skipped)
        )

    @property
    def _host(self) -> str:
        return self.connection.host

    @property
    def _unpacked(self) -> str:
        return f"{self.folder}/{archive_folder(self.bundle.manifest)}"

    def _copy(self) -> tuple[str, str]:
        """The archive's path there, and its hash."""
        remote, doing = f"{self.folder}/bundle.tar.gz", "copying the bundle"
        self.settings.say(f"{self._host}: {doing}")
        with tempfile.TemporaryDirectory(prefix="edge-ser-") as scratch:
            archive = Path(scratch, "bundle.tar.gz")
            sha256 = pack(self.bundle.root, archive)
            self.connection.send(archive, remote, doing)
        self.connection.succeed('cd "$1" && tar -xzf bundle.tar.gz', self.folder, doing=doing)
        return remote, sha256

    def _edge_ser(self) -> RemoteEdgeSer | None:
        """None where it is nobody's fault that there is none; the reason is noted."""
        manifest = self.bundle.manifest
        if not find_target(manifest.target).engines:
            self.skipped[_PYTHON] = f"there are none for {manifest.target}"
            return None
        installer = f"{self._unpacked}/{INSTALLER}" if INSTALLER in manifest.files else ""
        try:
            return find_or_install(
                self.connection, self.machine, self.folder, installer, self.settings.say
            )
        except EnvironmentMissing as error:
            if installer or self.settings.engines:
                raise
            self.skipped[_PYTHON] = f"{error}; {error.hint}"
            return None

    def _golden(self, edge_ser: RemoteEdgeSer, archive: str, sha256: str) -> list[Check]:
        self.settings.say(f"{self._host}: golden clips on its runtimes")
        checks, skipped = verify(self.connection, edge_ser, archive, sha256, self.settings.engines)
        self.skipped |= skipped
        return checks

    def _bench(self, edge_ser: RemoteEdgeSer, archive: str) -> dict[str, Any] | None:
        """Latency is no test: where it cannot be had, that is noted and no failure."""
        self.settings.say(f"{self._host}: latency, {self.settings.rounds} runs of each model")
        try:
            return measure(self.connection, edge_ser, archive, self.folder, self.settings.rounds)
        except GateFailed as error:
            self.skipped[_LATENCY] = str(error)
            return None

    def _program(self) -> list[Check]:
        if not has_program(self.bundle):
            self.skipped[PROGRAM] = "the bundle has none"
            return []
        self.settings.say(f"{self._host}: golden clips on {PROGRAM}")
        return [check_program(self.connection, self.bundle, self._unpacked)]

    def _c_engine(self) -> BoardReport | None:
        """None where it is not wanted or cannot be built for the device; the reason is noted."""
        if not self.settings.c_engine:
            self.skipped[_C_ENGINE] = "not asked for"
            return None
        try:
            return run_probe(
                self.connection,
                self.machine,
                self.folder,
                self.bundle,
                list(self.settings.speech) or speech_of(self.bundle),
                self.settings.cache,
                self.settings.say,
            )
        except (EnvironmentMissing, InputError) as error:
            self.skipped[_C_ENGINE] = f"{error}; {error.hint}"
            return None
