"""One benchmark: all candidates interleaved for latency, then each alone for memory."""

from __future__ import annotations

from pathlib import Path

from edge_ser.bench.bar import progress_bar
from edge_ser.bench.candidates import bench_audio, find_candidates, load
from edge_ser.bench.latency import interleaved
from edge_ser.bench.machine import describe_machine
from edge_ser.bench.memory import footprint
from edge_ser.bench.report import BenchReport
from edge_ser.bundle import Bundle
from edge_ser.errors import InputError


def run_bench(
    bundle: Bundle,
    checkpoint: Path | None,
    threads: int,
    seconds: float,
    rounds: int,
    memory: bool,
    progress: bool,
) -> BenchReport:
    """Measure a bundle here.

    Args:
        bundle: open.
        checkpoint: float weights, for torch eager; None leaves it out.
        threads: per runtime.
        seconds: of audio per inference.
        rounds: timed inferences of each model.
        memory: also start a process per model for its memory.
        progress: show a bar.

    Raises:
        InputError: rounds below 1 or less than half a second of audio.
        EnvironmentMissing: nothing can be run here.
    """
    if rounds < 1 or seconds < 0.5:
        raise InputError(
            f"{rounds} rounds of {seconds:g} s cannot be measured",
            "give 1 round or more, and 0.5 s or more of audio",
        )
    candidates, absent = find_candidates(bundle, checkpoint)
    machine = describe_machine()
    names = [candidate.name for candidate in candidates]
    footprints = {}
    total = rounds + (len(candidates) if memory else 0)
    with progress_bar(total, progress) as bar:
        if memory:
            for candidate in candidates:
                bar.set_description(f"memory of {candidate.name}")
                footprints[candidate.name] = footprint(
                    bundle.root, candidate, checkpoint, threads, seconds
                )
                bar.update()
        bar.set_description("latency")
        models = {c.name: load(c, bundle, checkpoint, threads) for c in candidates}
        timings = interleaved(models, bench_audio(bundle, seconds), rounds, bar.update)
    manifest = bundle.manifest
    return BenchReport(
        title=f"{manifest.name} for {manifest.target}",
        bundle_sha256=bundle.sha256,
        machine=machine,
        threads=threads,
        seconds=seconds,
        candidates=candidates,
        timings={name: timings[name] for name in names},
        footprints=footprints,
        files={name: manifest.files[name].bytes for name in sorted(manifest.models)},
        parameters=manifest.student.parameters,
        macs_per_5s=manifest.student.macs_per_5s,
        absent=absent,
    )
