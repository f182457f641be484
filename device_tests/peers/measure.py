"""The C engine and all its peers on both networks, by the same means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from device_tests.peers import bakenn_boards, linux_runtimes, own_engine
from device_tests.peers.workloads import Workload, backbone_workload, conv_workload
from edge_ser.bench.c_engine import CBench, Row, Work
from edge_ser.bundle import Bundle
from edge_ser.errors import EnvironmentMissing


def workloads(bundle: Bundle) -> list[Workload]:
    """What is measured: the seven convolutions and the bundle's backbone."""
    return [conv_workload(), backbone_workload(bundle)]


def measure_all(
    bundle: Bundle,
    cache: Path,
    mirror: str | None = None,
    say: Callable[[str], None] = print,
) -> CBench:
    """Measure the engine and every peer that can be measured here.

    Args:
        bundle: open; its backbone is one of the networks.
        cache: folder for everything that is made once.
        mirror: address of a Debian archive; None takes the one this system's apt uses.
        say: told what goes on.

    Returns:
        Rows of all; what is not installed is listed as absent.

    Raises:
        GateFailed: one crashes or computes something else.
    """
    measurer = _Measurer(bundle, workloads(bundle), cache, mirror, say)
    steps = [
        *(("C engine", measurer.own, core) for core in own_engine.CORES),
        *(("bakenn", measurer.bakenn, core) for core in bakenn_boards.CORES),
        *(("LiteRT and ONNX Runtime", measurer.linux, core) for core in linux_runtimes.CORES),
    ]
    rows: list[Row] = []
    absent: list[str] = []
    for who, measure, core in steps:
        try:
            rows += measure(core)
        except EnvironmentMissing as error:
            absent.append(f"{who} on {core}: {error} ({error.hint})")
    works = tuple(Work(each.name, each.title, each.macs) for each in measurer.workloads)
    return CBench(works, tuple(rows), tuple(absent))


@dataclass(frozen=True)
class _Measurer:
    """What every measurement takes."""

    bundle: Bundle
    workloads: list[Workload]
    cache: Path
    mirror: str | None
    say: Callable[[str], None]

    def own(self, core: str) -> list[Row]:
        """The C engine."""
        rows = []
        for workload in self.workloads:
            self.say(f"{core}: {workload.name}, C engine")
            rows.append(own_engine.measure_own(workload, self.bundle, core, self.cache, self.say))
        return rows

    def bakenn(self, core: str) -> list[Row]:
        """Bakenn on a board."""
        rows = []
        for workload in self.workloads:
            for variant in bakenn_boards.VARIANTS:
                self.say(f"{core}: {workload.name}, bakenn {variant}")
                measured = bakenn_boards.measure_bakenn(
                    workload, core, variant, self.cache, self.say
                )
                rows.append(measured)
        return rows

    def linux(self, core: str) -> list[Row]:
        """Both runtimes on a Linux core."""
        rows = []
        for runtime, variants in linux_runtimes.VARIANTS.items():
            prepared = linux_runtimes.prepare_core(
                core, runtime, self.bundle, self.cache, self.mirror, self.say
            )
            for workload in self.workloads:
                for variant in variants:
                    self.say(f"{core}: {workload.name}, {runtime} {variant}")
                    rows.append(
                        linux_runtimes.measure_runtime(workload, prepared, runtime, variant)
                    )
        return rows
