"""The soak: starts the streaming process, reads what it writes, watches what it holds.

The process that is measured does nothing but stream; whatever judges it runs in this one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from edge_ser import SAMPLE_RATE
from edge_ser.bench.bar import Bar, progress_bar
from edge_ser.bench.machine import describe_machine
from edge_ser.bench.soak.child import Request
from edge_ser.bench.soak.ledger import Ledger
from edge_ser.bench.soak.material import find_files
from edge_ser.bench.soak.receivers import OscListener, Visitor, free_address
from edge_ser.bench.soak.resources import FEWEST_SAMPLES, Resources, growth, resources_of
from edge_ser.bench.soak.spot_checks import comparable, largest_difference, read_stretch
from edge_ser.bench.soak.verdict import Counts, Soak
from edge_ser.bundle import Bundle
from edge_ser.errors import EdgeSerError, InputError
from edge_ser.runtime.host import BackboneEngine
from edge_ser.runtime.selection import backbone_artefact, choose, load_backbone

SHORTEST_HOURS = 0.2
CHECKS_PER_HOUR = 4
OUTAGES_PER_HOUR = 1.5
"""No multiple of the checks, so that a check sees a signal at every age."""

_SAMPLES = 1_440
"""Of memory over the whole soak."""


@dataclass(frozen=True)
class SoakOptions:
    """What the user may choose.

    Attributes:
        hours: of audio.
        folders: of audio files; empty: synthetic material only.
        engine: None takes the first that is installed.
        hop: seconds between readings; None takes the bundle's.
        detector: whether voice activity is judged.
        seed: of the material.
    """

    hours: float
    folders: tuple[Path, ...] = ()
    engine: str | None = None
    hop: float | None = None
    detector: bool = True
    seed: int = 0

    @property
    def warm_up_hours(self) -> float:
        """Audio before memory must be flat: caches fill, the allocator settles."""
        return min(1.0, self.hours / 4)


def run_soak(bundle: Bundle, options: SoakOptions, progress: bool) -> Soak:
    """Stream hours of audio as fast as the machine can, and judge it.

    Raises:
        InputError: too short to show anything, or no audio in a folder.
        EnvironmentMissing: no runtime, no detector, or no /proc.
        EdgeSerError: the stream ended with an error; its last line is the message.
    """
    if options.hours < SHORTEST_HOURS:
        raise InputError(
            f"a soak of {options.hours:g} h shows nothing", f"give {SHORTEST_HOURS:g} h or more"
        )
    files = find_files(options.folders)
    machine = describe_machine()
    begun = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-ser-soak-")))
        osc = stack.enter_context(OscListener())
        web = free_address()
        request = _request(bundle, options, files, folder, osc.address, web)
        visitor = stack.enter_context(Visitor(web))
        watch = _Watch(bundle, options, folder)
        bar = stack.enter_context(progress_bar(round(options.hours * 60), progress))
        bar.set_description("minutes of audio")
        _follow(request, folder, watch, bar)
        totals = json.loads(Path(request.summary).read_text())
        watch.ledger.finish(totals["given"])
        difference = max((check.result() for check in watch.checks), default=0.0)
        counts = _counts(totals, watch.ledger, request, osc.messages, visitor.pages)
    return Soak(
        hours=options.hours,
        took_seconds=time.monotonic() - begun,
        model=bundle.manifest.name,
        engine=watch.engine,
        detector="Silero" if options.detector else "",
        machine=machine,
        material=f"synthetic and {len(files)} files" if files else "synthetic",
        warm_up_hours=options.warm_up_hours,
        counts=counts,
        growth=growth(watch.samples, options.warm_up_hours),
        samples=watch.samples,
        compared=watch.compared,
        difference=difference,
    )


class _Watch:
    """Sees every reading as it comes: the ledger, the process's resources, the spot checks."""

    def __init__(self, bundle: Bundle, options: SoakOptions, folder: Path) -> None:
        hop = options.hop or bundle.manifest.hop_seconds
        self.ledger = Ledger(hop)
        self.samples: list[Resources] = []
        self.checks: list[Future[float]] = []
        self.compared = 0
        self.engine = ""
        self._tapes = folder / "tapes"
        # The settled part must hold enough samples, however short the soak is.
        count = max(_SAMPLES * options.hours / 24, 2 * FEWEST_SAMPLES)
        self._every = round(options.hours * 3600 * SAMPLE_RATE / count)
        self._reference = _reference(bundle, options.engine)
        self._worker = ThreadPoolExecutor(1)

    def take(self, message: dict[str, Any], pid: int) -> None:
        """One line of the stream."""
        if message["type"] != "reading":
            return
        self.engine = f"{message['engine']} {message['engine_version']}"
        self.ledger.enter(message)
        if self.ledger.end >= len(self.samples) * self._every:
            self.samples.append(resources_of(pid, self.ledger.end / SAMPLE_RATE / 3600))
            self._check_tapes()

    def _check_tapes(self) -> None:
        """Hand complete stretches, whose readings have all come, to the checking thread."""
        for path in sorted(self._tapes.glob("*.f32")):
            stretch = read_stretch(path)
            if stretch.end > self.ledger.end:
                continue
            level = self._reference.tables.frontend.level_seconds
            windows = comparable(stretch, self.ledger.windows, level, SAMPLE_RATE)
            self.compared += len(windows)
            self.checks.append(
                self._worker.submit(largest_difference, self._reference, stretch, windows)
            )
            path.unlink()


def _reference(bundle: Bundle, engine: str | None) -> BackboneEngine:
    """The runtime that streams, for offline passes.

    Raises:
        InputError: it is the C engine, whose own arithmetic no other engine repeats to 1e-5.
    """
    status, _ = choose(bundle, engine, None, 1, "default", backbone_artefact)
    if status.name == "c":
        raise InputError(
            "a soak compares with an offline pass in floats, and the engine c has none",
            "use litert or onnxruntime; docs/STREAMING_EXACT.md has the engine c's equality",
        )
    return load_backbone(bundle, status, 1, "default")


def _request(
    bundle: Bundle, options: SoakOptions, files: list[Path], folder: Path, osc: str, web: str
) -> Request:
    tapes = folder / "tapes"
    tapes.mkdir()
    return Request(
        bundle=str(bundle.root),
        engine=options.engine,
        hop=options.hop,
        detector=options.detector,
        seconds=options.hours * 3600,
        seed=options.seed,
        files=[str(file) for file in files],
        tapes=str(tapes),
        # A soak of minutes has checks and outages too.
        check_seconds=3600 / max(CHECKS_PER_HOUR, 4 / options.hours),
        outage_seconds=3600 / max(OUTAGES_PER_HOUR, 1.5 / options.hours),
        json_file=str(folder / "readings.jsonl"),
        csv=str(folder / "readings.csv"),
        osc=osc,
        web=web,
        summary=str(folder / "summary.json"),
    )


def _follow(request: Request, folder: Path, watch: _Watch, bar: Bar) -> None:
    """Run the child to its end."""
    errors = folder / "errors.log"
    told = folder / "request.json"
    told.write_text(json.dumps(asdict(request)))
    command = [sys.executable, "-m", "edge_ser.bench.soak.child", str(told)]
    minutes = 0
    with (
        errors.open("wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as child,
    ):
        assert child.stdout is not None
        try:
            for message in _messages(child.stdout):
                watch.take(message, child.pid)
                while minutes < watch.ledger.end / SAMPLE_RATE / 60 - 1:
                    minutes += 1
                    bar.update()
        finally:
            child.terminate()
    if child.returncode != 0:
        lines = errors.read_text(errors="replace").strip().splitlines() or ["it printed nothing"]
        raise EdgeSerError(f"the stream of the soak ended with {child.returncode}: {lines[-1]}")


def _messages(output: IO[bytes]) -> Iterator[dict[str, Any]]:
    for line in output:
        yield json.loads(line)


def _counts(
    totals: dict[str, Any], ledger: Ledger, request: Request, osc_messages: int, pages: int
) -> Counts:
    deliveries = totals["deliveries"]
    return Counts(
        given=totals["given"],
        analysed=round(totals["seconds"] * SAMPLE_RATE),
        expected=ledger.readings + ledger.missing,
        readings=ledger.readings,
        json_rows=_lines_with(Path(request.json_file), b'"type": "reading"'),
        csv_rows=_rows(Path(request.csv)),
        osc_messages=osc_messages,
        pages=pages,
        skipped=totals["skipped"],
        dropped=totals["dropped"],
        lost=sum(delivery["lost"] for delivery in deliveries),
        failures=sum(delivery["failures"] for delivery in deliveries),
        outages=totals["reconnects"],
    )


def _lines_with(path: Path, part: bytes) -> int:
    with path.open("rb") as file:
        return sum(part in line for line in file)


def _rows(path: Path) -> int:
    """Of a CSV file, without its head."""
    with path.open("rb") as file:
        return sum(1 for _ in file) - 1
