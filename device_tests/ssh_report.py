"""What was found on a real device: for a file, for a terminal, for the drift report."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import asdict, dataclass
from typing import Any

from device_tests.c_checks import BoardReport
from device_tests.checks import Check
from device_tests.rows import board_row
from device_tests.ssh_machine import RemoteMachine
from edge_ser.drift.devices import DeviceRow


@dataclass(frozen=True)
class SshReport:
    """One real device.

    Attributes:
        address: where it was.
        machine: what it is.
        edge_ser: version and origin of the one that ran there; "" if none did.
        checks: golden clips, for each runtime and for edge-ser-live.
        bench: what `edge-ser bench` wrote there, milliseconds of this very device; None without.
        board: the C engine's vectors; None where it did not run.
        skipped: what was left out -> why.
    """

    address: str
    machine: RemoteMachine
    edge_ser: str
    checks: tuple[Check, ...]
    bench: dict[str, Any] | None
    board: BoardReport | None
    skipped: dict[str, str]

    @property
    def passed(self) -> bool:
        """Something ran, and every value was right."""
        ran = bool(self.checks) or self.board is not None
        board = self.board is None or self.board.passed
        return ran and board and all(check.passed for check in self.checks)

    @property
    def name(self) -> str:
        """A short name for what it is, e.g. "raspberry-pi-4-model-b-rev-1-4"."""
        return re.sub(r"[^a-z0-9]+", "-", self.machine.processor.lower()).strip("-") or "device"

    @property
    def rows(self) -> list[DeviceRow]:
        """For the drift report: the runtimes, and the C engine. No address."""
        rows = [self._row()] if self.checks else []
        if self.board:
            rows.append(dataclasses.replace(board_row(self.board), device=f"{self.name}-c"))
        return rows

    def _row(self) -> DeviceRow:
        engines = dict.fromkeys(f"{check.engine} {check.version}" for check in self.checks)
        measured = [check.largest for check in self.checks if check.largest is not None]
        return DeviceRow(
            device=self.name,
            what=", ".join(engines),
            emulator="",
            cases=sum(check.cases for check in self.checks),
            exact=None,
            passed=all(check.passed for check in self.checks),
            difference=max(measured, default=None),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        machine = asdict(self.machine)
        del machine["features"]  # many, and known of any such processor
        return {
            **asdict(self),
            "machine": machine,
            "board": self.board.to_dict() if self.board else None,
            "passed": self.passed,
            "note": "a real device: its milliseconds are measured",
        }


def latency_lines(report: SshReport) -> list[str]:
    """Latency of each model there, for a terminal; empty without."""
    if report.bench is None:
        return []
    seconds = report.bench["seconds"]
    return [
        f"{name}: p50 {timing['p50_ms']:.1f} ms, p90 {timing['p90_ms']:.1f} ms for {seconds:g} s "
        f"of audio ({timing['runs']} runs)"
        for name, timing in report.bench["timings"].items()
    ]


def machine_line(machine: RemoteMachine) -> str:
    """The device in one line."""
    facts = [machine.processor, machine.system]
    if machine.cores:
        facts.append(f"{machine.cores} cores")
    if machine.memory_bytes:
        facts.append(f"{machine.memory_bytes / 1e9:.1f} GB")
    if machine.python:
        facts.append(f"Python {machine.python}")
    return ", ".join(facts)
