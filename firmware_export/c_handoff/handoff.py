"""Writing `c/`, step by step, and what the manifest says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_ser import SAMPLE_RATE
from edge_ser.bundle import Bundle
from edge_ser.bundle.manifest import CEngineInfo, Figure
from firmware_export.c_handoff.binaries import build_binaries
from firmware_export.c_handoff.build_files import Project, write_build_files, write_example
from firmware_export.c_handoff.footprint import Footprint, measure_footprint
from firmware_export.c_handoff.readings import HostEngine, golden_readings
from firmware_export.c_handoff.readme import ReadmeFacts, render_readme
from firmware_export.c_handoff.tree import (
    DEMO_CLIP,
    demo_samples,
    source_options,
    write_tree,
)
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
        with_binaries: whether library and program are built and measured.

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
    footprint = None
    if with_binaries:
        build_binaries(place, target)
        footprint = measure_footprint(place, target)
    write_example(place, footprint.buffer if footprint else None)
    engine = HostEngine(place, files)
    info = CEngineInfo(
        layout=target.c.layout,
        kernels=footprint.kernels if footprint else None,
        frontend=target.c.frontend,
        compiler=compiler_version(find_compiler(target.c.compiler)) if footprint else None,
        flags=(target.c.optimise, *target.c.flags),
        window_seconds=bundle.manifest.window_seconds,
        block_seconds=options.block_seconds,
        first_seconds=options.first_seconds,
        readings=golden_readings(bundle, engine),
    )
    memory = _figures(footprint, target, info) if footprint else {}
    sound = demo_samples(bundle, target)
    facts = ReadmeFacts(
        target=target,
        manifest=bundle.manifest,
        info=info,
        memory=memory,
        clip=DEMO_CLIP,
        clip_seconds=len(sound) / SAMPLE_RATE,
        clip_readings=engine.listen(sound),
    )
    (place / "README.md").write_text(render_readme(facts), encoding="utf-8")
    return CHandoff(info, memory)


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
    return figures
