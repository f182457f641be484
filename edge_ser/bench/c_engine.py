"""Instructions per inference of the C engine and of its peers: rows, goals, table, JSON.

Instructions are counted in emulators, so they are the same on every machine; they are no times.
Nothing here measures: `device_tests.peers` and the engine's own counter make the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge_ser.bench.c_streaming import Streaming

REPORT_SCHEMA = 1
ENGINE = "edge-ser C"


@dataclass(frozen=True)
class Work:
    """A network and an input.

    Attributes:
        name: short.
        title: for people.
        macs: multiply-accumulates per inference.
    """

    name: str
    title: str
    macs: int


@dataclass(frozen=True)
class Row:
    """One engine on one core.

    Attributes:
        engine: e.g. "bakenn"; `ENGINE` for ours.
        version: of it.
        variant: which kernels, in the engine's own words.
        work: name of the `Work`.
        core: e.g. "cortex-m4".
        instructions: per inference.
        spread: largest minus smallest of repeated measurements.
        largest_step: largest difference of an output from LiteRT's reference kernels, in int8
            steps; 0 is bit-exact.
        how: compiler, flags, emulator: what it takes to get the number again.
    """

    engine: str
    version: str
    variant: str
    work: str
    core: str
    instructions: int
    spread: int
    largest_step: int
    how: str


@dataclass(frozen=True)
class Goal:
    """The C engine against a peer.

    Attributes:
        core: where.
        engine, variant: the peer.
        factor: how many times the peer's instructions are allowed.
    """

    core: str
    engine: str
    variant: str
    factor: float


CMSIS_NN, XNNPACK = "CMSIS-NN", "XNNPACK, the default"
GOALS = (
    Goal("cortex-m4", "bakenn", CMSIS_NN, 1.0),
    Goal("cortex-m55", "bakenn", CMSIS_NN, 1.0),
    Goal("cortex-a53", "LiteRT", XNNPACK, 1.0),
    Goal("cortex-a76", "LiteRT", XNNPACK, 1.5),
)


@dataclass(frozen=True)
class Judgement:
    """A goal on one piece of work.

    Attributes:
        goal: which.
        work: name of the `Work`.
        ours, allowed: instructions.
    """

    goal: Goal
    work: str
    ours: int
    allowed: int

    @property
    def met(self) -> bool:
        """Whether the engine needs no more than allowed."""
        return self.ours <= self.allowed

    def __str__(self) -> str:
        goal = self.goal
        times = "" if goal.factor == 1 else f"{goal.factor:g} x "
        return (
            f"{self.work} on {goal.core}: {_millions(self.ours)} M, at most {times}{goal.engine} "
            f"({goal.variant}) = {_millions(self.allowed)} M: {'met' if self.met else 'MISSED'}"
        )


@dataclass(frozen=True)
class CBench:
    """Everything one run counted.

    Attributes:
        works: what was run.
        rows: in the order of measuring.
        absent: what could not be measured, with reasons.
        streaming: times on this machine; None where they were not taken.
    """

    works: tuple[Work, ...]
    rows: tuple[Row, ...]
    absent: tuple[str, ...] = ()
    streaming: Streaming | None = None

    @property
    def met(self) -> bool:
        """Every goal that could be judged is met, streaming included."""
        faster = self.streaming is None or self.streaming.ratio > 1
        return faster and all(judgement.met for judgement in self.judgements())

    def judgements(self) -> list[Judgement]:
        """The goals that this run can judge: those whose peer and engine were both measured."""
        found = []
        for work in self.works:
            for goal in GOALS:
                ours = self._fewest(work.name, goal.core, ENGINE, None)
                peer = self._fewest(work.name, goal.core, goal.engine, goal.variant)
                if ours is not None and peer is not None:
                    found.append(Judgement(goal, work.name, ours, int(goal.factor * peer)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": REPORT_SCHEMA,
            "kind": "c-bench",
            **asdict(self),
            "goals": [
                {**asdict(judgement), "met": judgement.met} for judgement in self.judgements()
            ],
            "note": "rows are counted in emulators: instructions, no cycles and no times",
        }

    def _fewest(self, work: str, core: str, engine: str, variant: str | None) -> int | None:
        counts = [
            row.instructions
            for row in self.rows
            if (row.work, row.core, row.engine) == (work, core, engine)
            and variant in (None, row.variant)
        ]
        return min(counts, default=None)


def as_text(bench: CBench) -> str:
    """For a terminal."""
    lines = []
    for work in bench.works:
        rows = [_HEAD, *_table(bench, work)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines += [f"{work.title}: {_millions(work.macs)} MMAC", ""]
        lines += [_aligned(row, widths) for row in rows]
        lines.append("")
    lines += [f"  {judgement}" for judgement in bench.judgements()]
    lines += [f"  {bench.streaming}"] if bench.streaming else []
    lines += [f"  left out: {line}" for line in bench.absent]
    return "\n".join(lines)


def as_markdown(bench: CBench) -> str:
    """For the documentation."""
    lines = []
    for work in bench.works:
        lines += [f"{work.title}: {_millions(work.macs)} MMAC per inference.", ""]
        rule = ["---", "---", "---", *["---:"] * (len(_HEAD) - 3)]
        rows = (_HEAD, rule, *_table(bench, work))
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    lines += [f"- {judgement}" for judgement in bench.judgements()]
    lines += [f"- {bench.streaming}"] if bench.streaming else []
    lines += [f"- left out: {line}" for line in bench.absent]
    return "\n".join(lines) + "\n"


def as_page(bench: CBench, command: str) -> str:
    """The page of the documentation.

    Args:
        bench: finished.
        command: that made it.
    """
    built = [
        f"- {row.core}, {row.engine} ({row.variant}), {row.work}: {row.how}" for row in bench.rows
    ]
    return "\n".join(
        [
            "# The C engine beside its peers",
            "",
            f"Written by `{command}`; do not edit.",
            "",
            "Instructions per inference, counted by a plugin of the emulator: the same on every",
            "machine, and neither cycles nor milliseconds. *Largest step*: largest difference of",
            "an output from TFLite's reference kernels, in int8 steps. The engine computes row by",
            "row, as it streams; the peers compute the whole input at once.",
            "",
            as_markdown(bench),
            "Compilers, flags and emulators:",
            "",
            *built,
            "",
        ]
    )


_HEAD = ["core", "engine", "kernels", "M instructions", "per MAC", "largest step"]


def _table(bench: CBench, work: Work) -> list[list[str]]:
    """Rows of one work, the cores in the order of the goals, fewest instructions first."""
    order = [goal.core for goal in GOALS]
    chosen = [row for row in bench.rows if row.work == work.name]
    chosen.sort(key=lambda row: (_position(order, row.core), row.core, row.instructions))
    return [
        [
            row.core,
            f"{row.engine} {row.version}",
            row.variant,
            _millions(row.instructions),
            f"{row.instructions / work.macs:.2f}",
            str(row.largest_step),
        ]
        for row in chosen
    ]


def _position(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _millions(number: int) -> str:
    return f"{number / 1e6:.2f}"


def _aligned(row: list[str], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    cells = [
        cell.ljust(width) if column < 3 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  " + "  ".join(cells)
