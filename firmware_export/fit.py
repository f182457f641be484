"""Pairs of student and target that cannot work are refused before any work, with a way out."""

from __future__ import annotations

from edge_ser.errors import InputError
from firmware_export.needs import Needs, needs_of
from firmware_export.target import Target
from firmware_export.targets import TARGETS

SHARE = 0.75
"""Of a chip's memory that the engine may take; an application needs the rest."""


def misfits(needs: Needs, target: Target) -> list[str]:
    """Why a student cannot run on a target, one sentence each; empty if it may."""
    reasons = []
    if target.chip:
        name, flash, ram = target.chip.name, target.chip.flash, target.chip.ram
        if needs.flash > SHARE * flash:
            reasons.append(_too_large("its weights", "flash", needs.flash, name, flash))
        if needs.ram > SHARE * ram:
            reasons.append(_too_large("its layers", "RAM", needs.ram, name, ram))
    if needs.missing and target.c and not target.engines:
        reasons.append(f"the C engine has no {', '.join(needs.missing)}, and nothing else runs it")
    if needs.whole_windows and target.extra:
        reasons.append(
            f"it takes whole windows, and what an export for {target.name} writes computes a "
            "stream in blocks"
        )
    return reasons


def _too_large(what: str, memory: str, needed: int, chip: str, size: int) -> str:
    return (
        f"{what} need at least {needed:,} bytes of {memory}, and of the {size:,} of a usual chip "
        f"({chip}) {round(SHARE * size):,} may go to them"
    )


def require_fit(needs: Needs, target: Target) -> None:
    """Refuse an impossible pair.

    Raises:
        InputError: says why, and which target and which students fit.
    """
    reasons = misfits(needs, target)
    if reasons:
        raise InputError(
            f"{needs.student} cannot run on {target.name}: {'; '.join(reasons)}",
            _way_out(needs, target),
        )


def nearest_target(needs: Needs) -> Target | None:
    """The smallest device that a student fits: microcontrollers by flash, then Linux."""
    chips = [t for t in TARGETS.values() if t.c and t.chip]
    chips.sort(key=lambda target: (target.chip.flash, target.chip.ram) if target.chip else (0, 0))
    systems = [TARGETS[name] for name in ("rpi-zero", "rpi-armv7", "rpi", "linux-x86_64")]
    return next((target for target in (*chips, *systems) if not misfits(needs, target)), None)


def students_for(target: Target) -> list[str]:
    """The known students that fit a target."""
    from edge_ser.students.catalogue import STUDENTS, build_student

    needs = [needs_of(name, build_student(name)) for name in STUDENTS]
    return [each.student for each in needs if not misfits(each, target)]


def _way_out(needs: Needs, target: Target) -> str:
    nearest = nearest_target(needs)
    ways = [f"the nearest target that it fits is {nearest.name}"] if nearest else []
    students = students_for(target)
    if students:
        ways.append(f"students for {target.name}: {', '.join(students)}")
    return "; ".join(ways)
