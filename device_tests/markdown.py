"""A session as the Markdown page of the docs, docs/DEVICES.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from device_tests.c_checks import BoardReport
from device_tests.checks import DeviceReport
from device_tests.session import Session

_INTRODUCTION = """\
# Devices

Written by `{command}`; do not edit. 1 KB = 1000 B.

- bundle: {name}, SHA-256 {sha256}
- vectors cut from: {speech}

Emulators give values and instruction counts. No milliseconds, cycles or energy come from them.

## The C engine on boards

*To the bit*: for every vector the int8 log-mel rows, every int8 output of the backbone and the
float32 arousal, dominance and valence. The int8 outputs are held against TFLite's reference
kernels (LiteRT, `BUILTIN_REF`), the rest against the plain C build on the exporting machine.
*To float*: largest difference of a 5 s clip's arousal, dominance or valence from the float model.
*Flash* and *static RAM* are those of the whole test firmware with its protocol; *stack* is its
high-water mark. *M instructions* are those executed for one second of audio, front-end included
(measured by a plugin of the emulator).
"""


def as_markdown(session: Session, command: str, speech: str) -> str:
    """The page.

    Args:
        session: finished.
        command: that made it, for the reader.
        speech: what vectors were cut from, in words.
    """
    parts = [
        _INTRODUCTION.format(
            command=command,
            name=f"{session.bundle['name']} for {session.bundle['target']}",
            sha256=session.bundle["sha256"],
            speech=speech,
        ),
        _boards(session.boards),
    ]
    if session.systems:
        parts += ["## Python runtimes on emulated systems\n", _systems(session.systems)]
    return "\n".join(parts)


def _boards(boards: Sequence[BoardReport]) -> str:
    names = (
        *("device", "kernels", "front-end", "vectors", "clips", "to the bit", "to float"),
        *("engine KB", "stack KB", "static RAM KB", "flash KB", "M instructions"),
    )
    rows = [
        (
            f"`{board.board}`",
            board.kernels,
            board.frontend,
            str(board.vectors),
            str(board.clips),
            "yes" if board.passed else "NO",
            "" if board.float_difference is None else f"{board.float_difference:.4f}",
            *(_kilo(size) for size in (board.buffer, board.stack, board.static, board.flash)),
            "" if board.instructions is None else f"{board.instructions / 1e6:.1f}",
        )
        for board in boards
    ]
    built = [
        f"- `{board.board}`: {board.title}; {board.emulator or 'not emulated'}; {board.compiler}"
        for board in boards
    ]
    heading = ("", "Emulators, compilers and processor flags:", "")
    return "\n".join([table(names, rows), *heading, *built, ""])


def _systems(systems: Sequence[DeviceReport]) -> str:
    names = (
        *("device", "runtime", "file", "what", "cases"),
        *("largest difference", "allowed", "passed"),
    )
    rows = [
        (
            f"`{system.device.name}`",
            f"{check.engine} {check.version}",
            check.artefact,
            check.kind,
            str(check.cases),
            "not a number" if check.largest is None else f"{check.largest:.1e}",
            f"{check.tolerance:.0e}",
            "yes" if check.passed else "NO",
        )
        for system in systems
        for check in system.checks
    ]
    return table(names, rows) + "\n"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _kilo(size: int | None) -> str:
    return f"{size / 1000:.1f}" if size else ""
