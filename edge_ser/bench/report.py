"""A benchmark's figures, the targets they are held against, and their text forms."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edge_ser.bench.candidates import Candidate
from edge_ser.bench.latency import Timing
from edge_ser.bench.machine import Machine
from edge_ser.bench.memory import Footprint

REPORT_SCHEMA = 1
INT8_PATH = "int8 TFLite"
HOST_PATH = "backbone + host"


@dataclass(frozen=True)
class Target:
    """A figure that the project promises.

    Attributes:
        what: in words.
        value: measured.
        limit: bound on it.
        at_least: whether larger is better.
        unit: of both.
    """

    what: str
    value: float
    limit: float
    at_least: bool
    unit: str

    @property
    def met(self) -> bool:
        """Whether the promise holds here."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        word = "met" if self.met else "MISSED"
        return f"{self.what}: {self.value:.2f} {self.unit} ({sign} {self.limit:g}: {word})"


@dataclass(frozen=True)
class BenchReport:
    """Everything one run measured.

    Attributes:
        title: student and target.
        bundle_sha256: of the bundle.
        machine: where.
        threads, seconds: per runtime; of audio per inference.
        candidates: what was run.
        timings: candidate name -> latency, all in one interleaved run.
        footprints: candidate name -> memory; empty when not measured.
        files: artefact -> bytes.
        parameters, macs_per_5s: of the student, from the manifest.
        absent: what could not be run, with reasons.
    """

    title: str
    bundle_sha256: str
    machine: Machine
    threads: int
    seconds: float
    candidates: tuple[Candidate, ...]
    timings: dict[str, Timing]
    footprints: dict[str, Footprint]
    files: dict[str, int]
    parameters: int
    macs_per_5s: int
    absent: tuple[str, ...]

    def speedup(self, faster: str, slower: str) -> float | None:
        """Median latency of `slower` over that of `faster`; None unless both were run."""
        if faster not in self.timings or slower not in self.timings:
            return None
        return self.timings[slower].p50_ms / self.timings[faster].p50_ms

    def targets(self) -> list[Target]:
        """The promises that this run can judge."""
        found = []
        for slower, limit in (("float ONNX", 2.0), ("torch eager", 5.0)):
            ratio = self.speedup(INT8_PATH, slower)
            if ratio is not None:
                found.append(Target(f"{INT8_PATH} faster than {slower}", ratio, limit, True, "x"))
        for name in (INT8_PATH, HOST_PATH):
            if name in self.footprints:
                megabytes = self.footprints[name].beyond_floor / 1e6
                found.append(
                    Target(f"{name}, memory beyond the floor", megabytes, 9.0, False, "MB")
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": REPORT_SCHEMA,
            "kind": "bench",
            **asdict(self),
            "targets": [{**asdict(target), "met": target.met} for target in self.targets()],
        }


def as_text(report: BenchReport) -> str:
    """For a terminal."""
    lines = [report.title, *(f"  {line}" for line in _context(report)), ""]
    lines += _aligned(_latency_table(report))
    if report.footprints:
        lines += ["", *_aligned(_memory_table(report))]
    lines += ["", *_aligned(_file_table(report)), ""]
    lines += [f"  {target}" for target in report.targets()]
    lines += [f"  left out: {line}" for line in report.absent]
    return "\n".join(lines)


def as_markdown(report: BenchReport, command: str) -> str:
    """`docs/BENCHMARKS.md`.

    Args:
        report: the figures.
        command: that produced them.
    """
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Written by `{command}`; do not edit. {_NOTE}",
            "",
            *(f"- {line}" for line in (report.title, *_context(report))),
            "",
            "## Latency",
            "",
            f"Milliseconds for {report.seconds:g} s of audio, measured; all in one run, "
            "interleaved. Compare the ratios, not the times of different machines.",
            "",
            *_markdown(_latency_table(report)),
            "",
            *_memory_section(report),
            "## Size",
            "",
            *_markdown(_file_table(report)),
            "",
            "## Targets",
            "",
            *(f"- {target}" for target in report.targets()),
            *(f"- left out: {line}" for line in report.absent),
            "",
        ]
    )


_NOTE = "1 KB = 1000 B, 1 MB = 1,000,000 B."

_MEMORY_NOTE = (
    "Measured in a fresh process per engine, in MB. *Floor*: resident memory with Python, numpy, "
    "the runtime's package and the audio loaded, before the model. *Peak*: the largest resident "
    "memory afterwards, over loading and five inferences. *Beyond the floor*: their difference, "
    "with the runtime's own code that is read in when first used; *of it code*: that part. "
    "*Load* and *first run* are in ms, cold."
)


def _memory_section(report: BenchReport) -> list[str]:
    if not report.footprints:
        return []
    return ["## Memory", "", _MEMORY_NOTE, "", *_markdown(_memory_table(report)), ""]


def _context(report: BenchReport) -> list[str]:
    machine = report.machine
    versions = sorted({f"{c.engine} {c.version}" for c in report.candidates})
    lines = [
        f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}",
        f"{', '.join(versions)}; threads: {report.threads}",
        f"bundle SHA-256 {report.bundle_sha256}",
        f"{report.parameters:,} parameters, {report.macs_per_5s / 1e6:.1f} MMAC per 5 s "
        "(counted on the model)",
    ]
    if machine.busy:
        lines.append(
            f"the machine was busy (load {machine.load:.1f} on {machine.cores} cores): times are "
            "high, ratios hold better"
        )
    return lines


def _latency_table(report: BenchReport) -> list[list[str]]:
    head = ["model", "runtime", "p50 ms", "p90 ms", "min ms", "against int8 TFLite"]
    rows = [head]
    for candidate in report.candidates:
        timing = report.timings[candidate.name]
        ratio = report.speedup(INT8_PATH, candidate.name)
        rows.append(
            [
                candidate.name,
                f"{candidate.engine} {candidate.version}",
                f"{timing.p50_ms:.1f}",
                f"{timing.p90_ms:.1f}",
                f"{timing.min_ms:.1f}",
                "" if ratio is None else f"{ratio:.2f}x",
            ]
        )
    return rows


def _memory_table(report: BenchReport) -> list[list[str]]:
    rows = [["model", "floor", "peak", "beyond the floor", "of it code", "load", "first run"]]
    for name, memory in report.footprints.items():
        rows.append(
            [
                name,
                _megabytes(memory.floor),
                _megabytes(memory.peak) + ("" if memory.peak_counter_reset else " (with imports)"),
                _megabytes(memory.beyond_floor),
                _megabytes(memory.library_pages),
                f"{1000 * memory.load_seconds:.0f}",
                f"{1000 * memory.first_run_seconds:.0f}",
            ]
        )
    return rows


def _file_table(report: BenchReport) -> list[list[str]]:
    rows = [[name, f"{size / 1000:.1f}"] for name, size in report.files.items()]
    return [["file", "KB"], *rows]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _markdown(rows: list[list[str]]) -> list[str]:
    rule = ["---"] + ["---:"] * (len(rows[0]) - 1)
    return [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]
