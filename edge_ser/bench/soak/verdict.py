"""What a soak found, what was asked of it, and both in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge_ser.bench.machine import Machine
from edge_ser.bench.soak.resources import Growth, Resources

REPORT_SCHEMA = 1
MOST_GROWTH = 2_000_000
"""Bytes of resident memory after the warm-up."""

MOST_DIFFERENCE = 1e-5
"""Of a reading from the offline pass, per dimension."""


@dataclass(frozen=True)
class Gate:
    """One demand.

    Attributes:
        name: what it is about.
        found: in words.
        met: whether that is enough.
    """

    name: str
    found: str
    met: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.found} ({'met' if self.met else 'MISSED'})"


@dataclass(frozen=True)
class Counts:
    """Of one soak.

    Attributes:
        given: 16 kHz samples that the source gave; `analysed` of them arrived at the model.
        expected: readings that those samples make; `readings` came out of standard output.
        json_rows, csv_rows: readings in the two files.
        osc_messages, pages: that the other receivers got; UDP and a page owe nobody all of them.
        skipped, dropped, lost: windows, samples, and messages of any sink; each should be 0.
        failures: times that a sink raised.
        outages: of the source.
    """

    given: int
    analysed: int
    expected: int
    readings: int
    json_rows: int
    csv_rows: int
    osc_messages: int
    pages: int
    skipped: int
    dropped: int
    lost: int
    failures: int
    outages: int


@dataclass(frozen=True)
class Soak:
    """Everything that one soak measured.

    Attributes:
        hours: of audio.
        took_seconds: of wall clock.
        model, engine, detector: what ran; detector is empty without one.
        machine: it ran on.
        material: what it heard, in words.
        warm_up_hours: of audio before growth counts.
        counts: of everything that passes through.
        growth: of resident memory.
        samples: the process over time.
        compared: readings that were computed again offline.
        difference: the largest of any dimension.
    """

    hours: float
    took_seconds: float
    model: str
    engine: str
    detector: str
    machine: Machine
    material: str
    warm_up_hours: float
    counts: Counts
    growth: Growth
    samples: Sequence[Resources]
    compared: int
    difference: float

    @property
    def met(self) -> bool:
        """Whether every gate is."""
        return all(gate.met for gate in self.gates())

    def gates(self) -> list[Gate]:
        """In the order of the report."""
        counts = self.counts
        missing = counts.given - counts.analysed
        unread = counts.expected - counts.readings
        kept = min(counts.json_rows, counts.csv_rows)
        settled = [sample for sample in self.samples if sample.hours >= self.warm_up_hours]
        return [
            Gate(
                "samples lost",
                f"{missing + counts.dropped} of {counts.given:,}",
                missing == counts.dropped == 0,
            ),
            Gate(
                "readings missing",
                f"{unread} of {counts.expected:,}, {counts.skipped} skipped",
                unread == counts.skipped == 0,
            ),
            Gate(
                "lost on the way to a sink",
                f"{counts.lost}, {counts.readings - kept} not in a file, "
                f"{counts.failures} failures",
                counts.lost == counts.failures == 0 and kept == counts.readings,
            ),
            Gate(
                "growth of resident memory",
                f"{self.growth.worst / 1e6:+.2f} MB from {self.warm_up_hours:g} h on",
                self.growth.worst < MOST_GROWTH,
            ),
            Gate(
                "readings against an offline pass",
                f"largest difference {self.difference:.1e} over {self.compared}",
                self.compared > 0 and self.difference <= MOST_DIFFERENCE,
            ),
            _flat("open files", [sample.descriptors for sample in settled]),
            _flat("threads", [sample.threads for sample in settled]),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": REPORT_SCHEMA,
            "kind": "soak",
            **asdict(self),
            "gates": [asdict(gate) for gate in self.gates()],
            "met": self.met,
        }


def _flat(name: str, counts: Sequence[int]) -> Gate:
    """As many at the end as at the beginning: medians, because a page's visitor comes and goes."""
    third = max(1, len(counts) // 3)
    first, last = (sorted(part)[len(part) // 2] for part in (counts[:third], counts[-third:]))
    return Gate(name, f"{first} to {last}, at most {max(counts)}", last <= first)


def as_text(soak: Soak) -> str:
    """For a terminal."""
    head = (
        f"{soak.hours:g} h of audio in {soak.took_seconds / 60:.1f} min "
        f"({soak.hours * 3600 / soak.took_seconds:.0f} times real time): {soak.model} on "
        f"{soak.engine}, {_voice(soak)}; {soak.material}; {soak.counts.outages} outages"
    )
    return "\n".join([head, *(f"  {gate}" for gate in soak.gates())])


def as_markdown(soak: Soak) -> str:
    """One row of the table in docs/RELIABILITY.md."""
    counts = soak.counts
    cells = [
        f"{soak.hours:g} h in {soak.took_seconds / 60:.1f} min",
        f"{soak.engine}, {_voice(soak)}",
        soak.machine.processor,
        f"{counts.given - counts.analysed + counts.dropped} of {counts.given:,}",
        f"{counts.expected - counts.readings} of {counts.expected:,}",
        f"{soak.growth.worst / 1e6:+.2f} MB",
        f"{soak.difference:.1e} ({soak.compared})",
        str(counts.outages),
        "met" if soak.met else "MISSED",
    ]
    return f"| {' | '.join(cells)} |"


def _voice(soak: Soak) -> str:
    return f"voice activity by {soak.detector}" if soak.detector else "no voice activity"
