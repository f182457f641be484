"""The hand-off to TFLite-Micro: model, resolver, arena and the C around them, in one folder.

Front-end, head and public API are the C engine's own sources; only its backbone is replaced by
TFLite-Micro's interpreter, behind the same three functions. Every number in it is measured here
with the real interpreter. Builds nothing: no TFLite-Micro sources are needed.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from edge_ser.bundle import Bundle
from edge_ser.bundle.manifest import Figure
from edge_ser.errors import GateFailed
from edge_ser.runtime.tables import read_tables
from firmware_export import tflite_file
from firmware_export.c_engine import SourceOptions, write_sources
from firmware_export.targets import BACKBONE_TFLITE
from firmware_export.tflite_frames import BLOCK_SECONDS, BlockPlan, with_frames
from firmware_export.tflm.arena_table import arena_table
from firmware_export.tflm.comparison import compare, golden_blocks
from firmware_export.tflm.interpreter import Arena, measure_arena
from firmware_export.tflm.model_source import interface_of, model_array, model_header
from firmware_export.tflm.readme import render_readme
from firmware_export.tflm.resolver import add_methods, resolver_header

HEADROOM_BYTES = 4_096
"""On top of the measured arena: scratch memory of optimised kernels, newer bookkeeping."""

_HERE = Path(__file__).parent
_CMAKE, _ESP_IDF = "CMakeLists.txt", "idf_component.yml"
_KEPT_KERNELS = ("es_choice.h",)
"""Of the C engine's kernels, which TFLite-Micro's replace: what its tables include."""


def write_tflm(
    bundle: Bundle, folder: Path, block_seconds: float = BLOCK_SECONDS
) -> dict[str, Figure]:
    """Write the hand-off; equal bundles give equal bytes.

    Args:
        bundle: open.
        folder: made if it is not there.
        block_seconds: new audio per run.

    Returns:
        Figures for the manifest.

    Raises:
        EnvironmentMissing: tflite-micro is not installed.
        InputError: a model that TFLite-Micro cannot run, e.g. a weight-only one.
        GateFailed: it gives other bits than LiteRT's reference kernels.
    """
    original = bundle.read(BACKBONE_TFLITE)
    methods = add_methods(tflite_file.parse(original), BACKBONE_TFLITE)
    plan = BlockPlan.of(read_tables(bundle), block_seconds)
    content = with_frames(original, plan.frames)
    comparison = compare(content, golden_blocks(bundle, plan.frames))
    if comparison.differing:
        raise GateFailed(
            f"TFLite-Micro differs from LiteRT's reference kernels in {comparison.differing} of "
            f"{comparison.codes} outputs",
            "install the tested versions: pip install -c constraints.txt 'edge-ser[export,tflm]'",
        )
    rows = arena_table(bundle)
    arena = measure_arena(content)
    note = (
        f"Measured with TFLite-Micro {arena.version}, reference kernels, on a 64-bit machine: "
        f"{arena.total} bytes ({arena.activations} of activations, {arena.bookkeeping} of "
        f"bookkeeping), and {HEADROOM_BYTES} to spare."
    )
    write_engine(bundle, folder)
    shutil.copyfile(_HERE / "sources" / _ESP_IDF, folder / _ESP_IDF)
    reserved = arena.total + HEADROOM_BYTES
    write_runner(content, plan, methods, reserved, note, folder / "src")
    readme = render_readme(bundle.manifest.name, plan, methods, reserved, note, rows, comparison)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return _figures(content, plan, arena)


def write_runner(
    content: bytes, plan: BlockPlan, methods: list[str], arena: int, arena_note: str, folder: Path
) -> None:
    """Model, resolver and the code that runs blocks through the interpreter.

    Args:
        content: of the TFLite file, its length fixed to the plan's.
        plan: how a stream is cut.
        methods: of the resolver.
        arena: bytes to reserve.
        arena_note: where that number comes from.
        folder: `src`.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    interface = interface_of(tflite_file.parse(content))
    shutil.copytree(_HERE / "sources" / "kernels", folder / "kernels", dirs_exist_ok=True)
    for path in sorted((_HERE / "sources").glob("es_*")):
        shutil.copyfile(path, folder / path.name)
    header = model_header(interface, plan, arena, arena_note)
    (folder / "es_tflm_model.h").write_text(header, encoding="utf-8")
    (folder / "es_tflm_model.cc").write_text(model_array(content, sha256), encoding="utf-8")
    (folder / "es_tflm_resolver.h").write_text(resolver_header(methods), encoding="utf-8")


def write_engine(bundle: Bundle, folder: Path) -> None:
    """The C engine without its kernels and demo boards, and a CMake file."""
    write_sources(bundle, folder, SourceOptions(layout="plain"))
    shutil.rmtree(folder / "device")
    for path in (folder / "src" / "kernels").iterdir():
        if path.name not in _KEPT_KERNELS:
            path.unlink()
    shutil.copyfile(_HERE / "sources" / _CMAKE, folder / _CMAKE)


def _figures(content: bytes, plan: BlockPlan, arena: Arena) -> dict[str, Figure]:
    how = (
        f"TFLite-Micro {arena.version}, reference kernels, {plan.frames} log-mel rows per run "
        f"({plan.seconds:g} s and context)"
    )
    return {
        "tflm_arena": Figure(arena.total, "byte", "measured", f"{how}, on a 64-bit machine"),
        "tflm_arena_activations": Figure(
            arena.activations, "byte", "measured", f"{how}; the same on every device"
        ),
        "tflm_model": Figure(len(content), "byte", "measured", "the C array, in flash"),
    }
