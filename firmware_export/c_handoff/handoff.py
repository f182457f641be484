"""Writing `c/`, step by step, and what the manifest says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_ser.bundle import Bundle
from edge_ser.bundle.manifest import CEngineInfo, Figure
from firmware_export.c_handoff.binaries import build_binaries
from firmware_export.c_handoff.build_files import Project, write_build_files, write_example
from firmware_export.c_handoff.footprint import Footprint, measure_footprint
from firmware_export.c_handoff.readings import HostEngine, TimedReading, golden_readings
from firmware_export.c_handoff.readme import ReadmeFacts, render_readme
from firmware_export.c_handoff.tree import demo_samples, source_options, write_tree
from firmware_export.target import Target
from firmware_export.toolchains import compiler_version, find_compiler

FOLDER = "c"


@dataclass(frozen=True)
class CHandoff:
    """For the manifest.

    Attributes:
        info: how the engine was made and what it says of the golden clips.
        memory: figures.
    """

    info: CEngineInfo
    memory: dict[str, Figure]


def write_c(bundle: Bundle, folder: Path, target: Target, with_binaries: bool = True) -> CHandoff:
    """Write the hand-off; equal bundles and compilers give equal bytes.

    Args:
        bundle: open, with its golden clips.
        folder: of the bundle; `c/` is made in it.
        target: its `c` is set.
        with_binaries: whether library and program are built and measured; nothing is compiled
            otherwise, and readings are not known.

    Raises:
        InputError: the engine cannot run this backbone.
        EnvironmentMissing: a compiler is not installed or fails.
        GateFailed: the engine is not what an engine must be.
    """
    assert target.c is not None
    place = folder / FOLDER
    options = source_options(bundle, target.c)
    files = write_tree(bundle, place, target, options)
    write_build_files(place, Project(target, bundle.manifest.name, files))
    built = _build(bundle, place, target, files) if with_binaries else None
    write_example(place, built.footprint.buffer if built else None)
    info = CEngineInfo(
        layout=target.c.layout,
        kernels=built.footprint.kernels if built else None,
        frontend=target.c.frontend,
        compiler=built.compiler if built else None,
        flags=(target.c.optimise, *target.c.flags),
        window_seconds=bundle.manifest.window_seconds,
        block_seconds=options.block_seconds,
        first_seconds=options.first_seconds,
        readings=built.golden if built else {},
    )
    memory = _figures(built.footprint, target, info) if built else {}
    facts = ReadmeFacts(target, bundle.manifest, info, memory, built.demo if built else [])
    (place / "README.md").write_text(render_readme(facts), encoding="utf-8")
    return CHandoff(info, memory)


@dataclass(frozen=True)
class _Built:
    """What is known once there are binaries.

    Attributes:
        compiler: of the target, name and version.
        footprint: on the target.
        golden: last reading of each golden clip.
        demo: readings of the sound that the README shows.
    """

    compiler: str
    footprint: Footprint
    golden: dict[str, tuple[float, float, float]]
    demo: list[TimedReading]


def _build(bundle: Bundle, place: Path, target: Target, files: tuple[Path, ...]) -> _Built:
    """For the target; and for this machine, to hear what the engine says."""
    assert target.c is not None
    build_binaries(place, target)
    engine = HostEngine(place, files)
    return _Built(
        compiler_version(find_compiler(target.c.compiler)),
        measure_footprint(place, target),
        golden_readings(bundle, engine),
        engine.listen(demo_samples(bundle, target)),
    )


def _figures(footprint: Footprint, target: Target, info: CEngineInfo) -> dict[str, Figure]:
    build = f"{target.name}, {info.compiler}, {info.flags[0]}, {info.kernels} kernels"
    figures = {
        "c_buffer": Figure(
            footprint.buffer,
            "byte",
            "measured",
            f"edge_ser_get_buffer_size(): all RAM of the engine but its stack, with a window of "
            f"{info.window_seconds:g} s in blocks of {info.block_seconds:g} s; {build}",
        )
    }
    if footprint.flash is not None:
        figures["c_flash"] = Figure(
            footprint.flash,
            "byte",
            "measured",
            f"code and constants of a linked image of the whole API, weights included; {build}",
        )
    if footprint.stack is not None:
        figures["c_stack"] = Figure(
            footprint.stack,
            "byte",
            "derived",
            f"deepest chain of calls with GCC's frame sizes, the compiler's own routines (memcpy, "
            f"software floats) not counted; {build}",
        )
    return figures
