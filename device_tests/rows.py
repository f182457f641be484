"""Reports of devices as rows of the drift report, and as figures of the manifest."""

from __future__ import annotations

from device_tests.c_checks import BoardReport
from device_tests.checks import DeviceReport
from edge_ser.bundle.manifest import Figure
from edge_ser.drift.devices import DeviceRow


def board_row(report: BoardReport) -> DeviceRow:
    """The C engine on a board."""
    return DeviceRow(
        device=report.board,
        what=f"C engine, {report.kernels} kernels, {report.frontend} front-end",
        emulator=report.emulator,
        cases=report.vectors + report.clips,
        exact=report.passed,
        passed=report.passed,
        difference=report.float_difference,
        flash=report.flash,
        ram=report.static or None,
        stack=report.stack or None,
        instructions=report.instructions,
    )


def system_row(report: DeviceReport) -> DeviceRow:
    """Python runtimes on an emulated system."""
    engines = dict.fromkeys(f"{check.engine} {check.version}" for check in report.checks)
    measured = [check.largest for check in report.checks if check.largest is not None]
    return DeviceRow(
        device=report.device.name,
        what=", ".join(engines),
        emulator=f"qemu-user {report.qemu}",
        cases=sum(check.cases for check in report.checks),
        exact=None,
        passed=report.passed,
        difference=max(measured, default=None),
    )


def figures(row: DeviceRow) -> dict[str, Figure]:
    """What the manifest keeps of a row, by name."""
    how = f"edge-ser device-test, device {row.device}; {row.what}"
    if row.emulator:
        how += f"; {row.emulator}"
    measured = {
        "flash": (row.flash, "byte"),
        "ram": (row.ram, "byte"),
        "stack": (row.stack, "byte"),
        "instructions_per_second": (row.instructions, "instruction"),
    }
    return {
        f"device.{row.device}.{name}": Figure(value, unit, "measured", how)
        for name, (value, unit) in measured.items()
        if value
    }
