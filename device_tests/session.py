"""One bundle on many devices: emulated systems with the Python runtimes, boards with the C engine,
and real ones over ssh or a serial port.

A device that computes something else is a row like the others; one that crashes, hangs or cannot
be reached ends the session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_tests import c_checks, checks, tflm_host
from device_tests.boards import BOARDS, Board, find_board
from device_tests.c_checks import BoardReport, Plan, Task, make_task, plan_for
from device_tests.checks import DeviceReport
from device_tests.devices import DEVICES, find_device
from device_tests.rows import board_row, system_row
from device_tests.set_up import set_up
from device_tests.ssh_address import parse_address
from device_tests.ssh_connection import SshOptions
from device_tests.ssh_device import SshSettings, run_over_ssh
from device_tests.ssh_report import SshReport
from device_tests.sysroot import prepare
from edge_ser.bundle import Bundle, open_bundle
from edge_ser.drift.devices import DeviceRow
from edge_ser.errors import InputError
from firmware_export.targets import find_target

ALL = "all"
SERIAL = "serial:"
SSH = "ssh://"

REPORT_SCHEMA = 2


@dataclass(frozen=True)
class Settings:
    """How a session runs.

    Attributes:
        engines: Python runtimes to try; empty: all that a system has.
        cache: folder for everything that is made once.
        mirror: Debian archive; None takes the one of this system's apt.
        speech: clips to cut vectors from; empty: the bundle's golden clips.
        stream: file for `stream --file` on systems; None takes a golden clip.
        board: of the table, which a serial device corresponds to.
        baud: of a serial port.
        ssh: how real Linux devices are reached.
        say: told what goes on.
        fixed_point: front-end of the boards; None for that of their targets.
    """

    engines: tuple[str, ...]
    cache: Path
    mirror: str | None
    speech: tuple[NDArray[np.float32], ...]
    stream: Path | None
    board: str
    baud: int
    ssh: SshOptions
    say: Callable[[str], None]
    fixed_point: bool | None = None


def chosen(names: Sequence[str], bundle: Bundle) -> list[str]:
    """Devices for the names on the command line.

    Args:
        names: of systems, boards, "ssh://..." or "serial:PORT"; "all" for every board and the
            systems of the bundle's target; none at all for what stands for that target.
        bundle: says which target.

    Raises:
        InputError: an unknown name, or nothing emulates the target.
    """
    target = bundle.manifest.target
    if ALL in names:
        # The C engine's sources are written for each board; wheels run the bundle as it is.
        systems = [name for name in DEVICES if DEVICES[name].target == target]
        return [*systems, *BOARDS, tflm_host.NAME]
    for name in names:
        _check_name(name)
    if names:
        return list(dict.fromkeys(names))
    emulated = find_target(target).emulated
    if not emulated:
        raise InputError(
            f"nothing here emulates {target}",
            "name a device, see `edge-ser device-test --list`",
        )
    return list(emulated)


def _check_name(name: str) -> None:
    """Systems are called after the Pi, boards after their core: the right table suggests."""
    if name.startswith(SERIAL) or name == tflm_host.NAME:
        return
    if name.startswith(SSH):
        parse_address(name)
    elif name.startswith("rpi"):
        find_device(name)
    else:
        find_board(name)


def set_up_devices(names: Sequence[str], path: Path, settings: Settings) -> None:
    """Everything that needs a network, so that later runs need none.

    Raises:
        EnvironmentMissing: system packages are missing (all are named), or a download failed.
    """
    set_up([name for name in names if name in BOARDS], settings.cache, settings.say)
    with open_bundle(path) as bundle:
        for device in (find_device(name) for name in names if name in DEVICES):
            for engine in settings.engines or device.engines:
                prepare(device, bundle, engine, settings.cache, settings.mirror, settings.say)


@dataclass(frozen=True)
class Session:
    """What all devices gave.

    Attributes:
        bundle: name, target and SHA-256.
        systems: reports of systems with Python runtimes.
        boards: reports of boards with the C engine.
        remote: reports of real devices over ssh.
    """

    bundle: dict[str, str]
    systems: tuple[DeviceReport, ...] = ()
    boards: tuple[BoardReport, ...] = ()
    remote: tuple[SshReport, ...] = ()

    @property
    def passed(self) -> bool:
        """Every device passed, and there was one."""
        reports: list[DeviceReport | BoardReport | SshReport] = [*self.systems, *self.boards]
        reports += self.remote
        return bool(reports) and all(report.passed for report in reports)

    @property
    def rows(self) -> list[DeviceRow]:
        """For the drift report."""
        real = [row for report in self.remote for row in report.rows]
        return [*map(system_row, self.systems), *map(board_row, self.boards), *real]

    def to_dict(self) -> dict[str, Any]:
        """For `--report`."""
        return {
            "schema": REPORT_SCHEMA,
            "bundle": self.bundle,
            "passed": self.passed,
            "systems": [{**asdict(each), "passed": each.passed} for each in self.systems],
            "boards": [report.to_dict() for report in self.boards],
            "remote": [report.to_dict() for report in self.remote],
            "note": "systems and boards are emulated: values and counts are proven, not durations",
        }


def run_session(names: Sequence[str], path: Path, settings: Settings) -> Session:
    """Run a bundle on devices, one after the other.

    Args:
        names: of `chosen`.
        path: the bundle, folder or archive.
        settings: see there.

    Raises:
        EnvironmentMissing: a program, package or the network is missing.
        InputError: a device cannot run this bundle.
        BundleRefused: damaged or unsafe.
        GateFailed: a device crashed or hung.
    """
    systems = tuple(_system(name, path, settings) for name in names if name in DEVICES)
    with open_bundle(path) as bundle:
        boards = tuple(_boards(names, bundle, settings))
        identity = {
            "name": bundle.manifest.name,
            "target": bundle.manifest.target,
            "sha256": bundle.sha256,
        }
    remote = tuple(_remote(name, path, settings) for name in names if name.startswith(SSH))
    return Session(identity, systems, boards, remote)


def _system(name: str, path: Path, settings: Settings) -> DeviceReport:
    device = find_device(name)
    return checks.run_bundle(
        device,
        path,
        settings.engines or device.engines,
        settings.cache,
        settings.mirror,
        settings.stream,
        settings.say,
    )


def _remote(name: str, path: Path, settings: Settings) -> SshReport:
    over_ssh = SshSettings(
        cache=settings.cache,
        ssh=settings.ssh,
        engines=settings.engines,
        c_engine=not settings.engines,
        speech=settings.speech,
        say=settings.say,
    )
    return run_over_ssh(parse_address(name), path, over_ssh)


def _boards(names: Sequence[str], bundle: Bundle, settings: Settings) -> list[BoardReport]:
    speech = list(settings.speech) or c_checks.speech_of(bundle)
    tasks: dict[tuple[bool, Plan], Task] = {}
    reports = []
    for name in names:
        if name in DEVICES or name.startswith(SSH):
            continue
        if name == tflm_host.NAME:
            reports.append(tflm_host.run_tflm(bundle, c_checks.FULL, speech, settings.say))
            continue
        serial = name.startswith(SERIAL)
        board = find_board(settings.board if serial else name)
        plan = plan_for(board)
        task = _task(board, plan, bundle, speech, settings.fixed_point, tasks)
        if serial:
            port = name.removeprefix(SERIAL)
            reports.append(
                c_checks.run_serial(port, board, task, plan, settings.baud, settings.say)
            )
        else:
            reports.append(
                c_checks.run_board(board, bundle, task, plan, settings.cache, settings.say)
            )
    return reports


def _task(
    board: Board,
    plan: Plan,
    bundle: Bundle,
    speech: Sequence[NDArray[np.float32]],
    fixed_point: bool | None,
    tasks: dict[tuple[bool, Plan], Task],
) -> Task:
    """Boards with the same front-end must give the same answers, whatever their layout."""
    options = c_checks.options_for(board, fixed_point)
    key = (options.fixed_point, plan)
    if key not in tasks:
        tasks[key] = make_task(bundle, board, plan, speech, fixed_point)
    return Task(options, tasks[key].short, tasks[key].long, tasks[key].floats)
