"""A benchmark's figures, the targets they are held against, and their text forms."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edge_ser.bench.candidates import Candidate
from edge_ser.bench.latency import Timing
from edge_ser.bench.machine import Machine
from edge_ser.bench.memory import Footprint

REPORT_SCHEMA = 1
FASTEST = "int8 TFLite"
"""The one-file hybrid: meant for throughput, so the speed targets are its."""

SMALLEST = "backbone + host"
"""The default path of `stream`: meant for small devices, so the memory target is its."""

FLOAT_SPEEDS = {"float ONNX": 2.0, "torch eager": 5.0}
"""How much faster than each float path the int8 TFLite file must be."""

MEMORY_MEGABYTES = 9.0
"""Most that the default path may need beyond the floor: the paper's figure."""


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
        for slower, limit in FLOAT_SPEEDS.items():
            ratio = self.speedup(FASTEST, slower)
            if ratio is not None:
                found.append(Target(f"{FASTEST} faster than {slower}", ratio, limit, True, "x"))
        if SMALLEST in self.footprints:
            megabytes = self.footprints[SMALLEST].beyond_floor / 1e6
            what = f"{SMALLEST}, memory beyond the floor"
            found.append(Target(what, megabytes, MEMORY_MEGABYTES, False, "MB"))
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
    lines += _aligned(_path_table(report))
    lines += ["", *(f"  {target}" for target in report.targets())]
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
            _PATHS_NOTE,
            "",
            *_markdown(_path_table(report)),
            "",
        ]
    )


_PATHS_NOTE = (
    f"The speed targets are those of the one-file path ({FASTEST}), the memory target is that of "
    f"the default path ({SMALLEST}). Here are both paths by every measure:"
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
    versions = sorted({f"{c.engine} {c.version}" for c in report.candidates})
    return [
        report.machine.words,
        f"{', '.join(versions)}; threads: {report.threads}",
        f"bundle SHA-256 {report.bundle_sha256}",
        f"{report.parameters:,} parameters, {report.macs_per_5s / 1e6:.1f} MMAC per 5 s "
        "(counted on the model)",
        *report.machine.caveats,
    ]


def _latency_table(report: BenchReport) -> list[list[str]]:
    head = ["model", "runtime", "p50 ms", "p90 ms", "min ms", f"time of {FASTEST}"]
    rows = [head]
    for candidate in report.candidates:
        timing = report.timings[candidate.name]
        rows.append(
            [
                candidate.name,
                f"{candidate.engine} {candidate.version}",
                f"{timing.p50_ms:.1f}",
                f"{timing.p90_ms:.1f}",
                f"{timing.min_ms:.1f}",
                _times(report.speedup(FASTEST, candidate.name)),
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


def _path_table(report: BenchReport) -> list[list[str]]:
    """Both int8 TFLite paths by all targets, so that neither hides behind the other."""
    speeds = [f"faster than {slower}" for slower in FLOAT_SPEEDS]
    rows = [["int8 TFLite path", *speeds, "MB beyond the floor", "of it code", "peak MB"]]
    for name in (FASTEST, SMALLEST):
        ratios = [report.speedup(name, slower) for slower in FLOAT_SPEEDS]
        memory = report.footprints.get(name)
        sizes = (
            [_megabytes(size) for size in (memory.beyond_floor, memory.library_pages, memory.peak)]
            if memory
            else [_UNKNOWN] * 3
        )
        rows.append([name, *(_times(ratio) for ratio in ratios), *sizes])
    return rows


_UNKNOWN = "–"


def _times(ratio: float | None) -> str:
    return _UNKNOWN if ratio is None else f"{ratio:.2f}x"


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
