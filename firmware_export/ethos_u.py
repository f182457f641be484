"""The backbone compiled for an Arm Ethos-U by Vela, and the C around it.

Vela writes a TFLite file whose one operator is a command stream for the NPU; TFLite-Micro hands
it over, so the hand-off is that of `tflm` with another resolver. Cycles and memory are Vela's
estimates and are labelled so: no Ethos-U is emulated here, and nothing says that a real one gives
the same values. Vela runs in a process of its own.
"""

from __future__ import annotations

import csv
import importlib.metadata
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from string import Template

from edge_ser.bundle import Bundle
from edge_ser.bundle.manifest import Figure
from edge_ser.errors import EnvironmentMissing, GateFailed
from edge_ser.runtime.tables import read_tables
from firmware_export import tflite_file
from firmware_export.targets import BACKBONE_TFLITE
from firmware_export.tflite_admission import require_int8
from firmware_export.tflite_frames import BlockPlan, with_frames
from firmware_export.tflm.handoff import write_engine, write_runner
from firmware_export.tflm.resolver import ADD_METHODS, ETHOS_U

COMPILED = "backbone.vela.tflite"
FIXED = "backbone.fixed.tflite"
SUMMARY = "vela-summary.csv"

BOOKKEEPING_BYTES = 16_384
"""Beside Vela's memory, for TFLite-Micro itself; it uses a few KB."""

_MEMORY_MODE = "Shared_Sram"
"""Weights in flash, activations in the SRAM that the processor shares: a microcontroller."""

_KIB = 1024
_README = Path(__file__).parent / "ethos_u_readme.md.template"


@dataclass(frozen=True)
class Unit:
    """An NPU as Vela knows it.

    Attributes:
        title: for people.
        accelerator: Vela's configuration; the number is multiply-accumulates per cycle.
        system: a section of Vela's own configuration file.
    """

    title: str
    accelerator: str
    system: str


U55 = Unit("Ethos-U55", "ethos-u55-128", "Ethos_U55_High_End_Embedded")
U65 = Unit("Ethos-U65", "ethos-u65-256", "Ethos_U65_Embedded")
U85 = Unit("Ethos-U85", "ethos-u85-256", "Ethos_U85_SYS_Flash_High")


@dataclass(frozen=True)
class Estimate:
    """What Vela expects of one run; none of it is measured.

    Attributes:
        cycles: of the NPU.
        clock: Hz, of the system configuration.
        sram, flash: bytes.
        vela: its version.
    """

    cycles: int
    clock: int
    sram: int
    flash: int
    vela: str


@dataclass(frozen=True)
class Compiled:
    """A compiled model.

    Attributes:
        content: of the TFLite file.
        summary: Vela's table, CSV.
        estimate: read from it.
    """

    content: bytes
    summary: str
    estimate: Estimate


def write_u55(bundle: Bundle, folder: Path) -> dict[str, Figure]:
    """`write_ethos_u` for an Ethos-U55 with 128 multiply-accumulates per cycle."""
    return write_ethos_u(bundle, folder, U55)


def write_u65(bundle: Bundle, folder: Path) -> dict[str, Figure]:
    """`write_ethos_u` for an Ethos-U65 with 256 multiply-accumulates per cycle."""
    return write_ethos_u(bundle, folder, U65)


def write_u85(bundle: Bundle, folder: Path) -> dict[str, Figure]:
    """`write_ethos_u` for an Ethos-U85 with 256 multiply-accumulates per cycle."""
    return write_ethos_u(bundle, folder, U85)


def write_ethos_u(bundle: Bundle, folder: Path, unit: Unit) -> dict[str, Figure]:
    """Compile the backbone and write the hand-off; equal bundles give equal bytes.

    Args:
        bundle: open.
        folder: made if it is not there.
        unit: which NPU.

    Returns:
        Vela's estimates for the manifest.

    Raises:
        EnvironmentMissing: Vela is not installed or fails.
        InputError: not a fully int8 model.
        GateFailed: an operator would run on the processor.
    """
    plan = BlockPlan.of(read_tables(bundle))
    fixed = with_frames(bundle.read(BACKBONE_TFLITE), plan.frames)
    compiled = compile_backbone(fixed, unit)
    estimate = compiled.estimate
    note = (
        f"Vela {estimate.vela}'s estimate, {estimate.sram} bytes, and {BOOKKEEPING_BYTES} for "
        "TFLite-Micro itself; es_tflm_arena_used() measures."
    )
    write_engine(bundle, folder)
    reserved = estimate.sram + BOOKKEEPING_BYTES
    write_runner(compiled.content, plan, [ETHOS_U], reserved, note, folder / "src")
    (folder / FIXED).write_bytes(fixed)
    (folder / COMPILED).write_bytes(compiled.content)
    (folder / SUMMARY).write_text(compiled.summary, encoding="utf-8")
    readme = _readme(bundle.manifest.name, unit, plan, estimate, reserved)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return _figures(unit, plan, estimate)


def compile_backbone(content: bytes, unit: Unit) -> Compiled:
    """Run Vela.

    Args:
        content: of a TFLite file of fixed length.
        unit: which NPU.

    Raises:
        EnvironmentMissing: Vela is not installed or fails.
        InputError: not a fully int8 model.
        GateFailed: an operator would run on the processor.
    """
    require_int8(tflite_file.parse(content), BACKBONE_TFLITE, ADD_METHODS, f"an {unit.title}")
    version = _vela_version()
    with tempfile.TemporaryDirectory(prefix="edge-ser-vela-") as scratch:
        source = Path(scratch, "backbone.tflite")
        source.write_bytes(content)
        _run_vela(source, unit, Path(scratch))
        compiled = Path(scratch, "backbone_vela.tflite").read_bytes()
        summary = Path(scratch, f"backbone_summary_{unit.system}.csv").read_text(encoding="utf-8")
    _require_npu_only(compiled, unit)
    return Compiled(compiled, summary, _estimate(summary, version))


def _vela_version() -> str:
    try:
        return importlib.metadata.version("ethos-u-vela")
    except importlib.metadata.PackageNotFoundError as error:
        raise EnvironmentMissing(
            "Vela, the compiler for Arm's Ethos-U, is not installed",
            "pip install 'edge-ser[ethos-u]' (wheels exist for x86_64 Linux)",
        ) from error


def _run_vela(source: Path, unit: Unit, folder: Path) -> None:
    command = [sys.executable, "-m", "ethosu.vela", str(source), "--output-dir", str(folder)]
    command += ["--accelerator-config", unit.accelerator, "--config", "Arm/vela.ini"]
    command += ["--system-config", unit.system, "--memory-mode", _MEMORY_MODE]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise EnvironmentMissing(
            f"Vela failed with code {done.returncode}: {' / '.join(said)}",
            "install the tested version: pip install -c constraints.txt 'edge-ser[ethos-u]'",
        )


def _require_npu_only(compiled: bytes, unit: Unit) -> None:
    """One command stream and nothing else; what Vela cannot place it leaves as it was."""
    model = tflite_file.parse(compiled)
    names = tflite_file.operator_names(model)
    left = sorted(set(names) - {"CUSTOM"})
    custom = {tflite_file.text(code.customCode) for code in model.operatorCodes if code.customCode}
    if left or custom != {"ethos-u"} or len(names) != 1:
        raise GateFailed(
            f"on an {unit.title} the processor would have to run "
            f"{', '.join(left) or 'more than one command stream'}",
            "the backbone must be one chain of int8 convolutions, pads and max-pools",
        )


def _estimate(summary: str, version: str) -> Estimate:
    (row,) = csv.DictReader(summary.splitlines())
    return Estimate(
        cycles=int(float(row["cycles_total"])),
        clock=int(float(row["core_clock"])),
        sram=int(float(row["sram_memory_used"]) * _KIB),
        flash=int(float(row["off_chip_flash_memory_used"]) * _KIB),
        vela=version,
    )


def _figures(unit: Unit, plan: BlockPlan, estimate: Estimate) -> dict[str, Figure]:
    how = (
        f"Vela {estimate.vela}, {unit.accelerator}, {unit.system}, {_MEMORY_MODE}, "
        f"{plan.frames} log-mel rows per run ({plan.seconds:g} s and context)"
    )
    return {
        "ethos_u_cycles": Figure(estimate.cycles, "cycle", "estimate", f"{how}; per run"),
        "ethos_u_sram": Figure(estimate.sram, "byte", "estimate", how),
        "ethos_u_flash": Figure(estimate.flash, "byte", "estimate", how),
    }


def _readme(student: str, unit: Unit, plan: BlockPlan, estimate: Estimate, reserved: int) -> str:
    busy = estimate.cycles / (estimate.clock * plan.seconds)
    return Template(_README.read_text(encoding="utf-8")).substitute(
        student=student,
        title=unit.title,
        accelerator=unit.accelerator,
        system=unit.system,
        memory_mode=_MEMORY_MODE,
        vela=estimate.vela,
        frames=plan.frames,
        seconds=f"{plan.seconds:g}",
        context=plan.context,
        cycles=f"{estimate.cycles:,}",
        megahertz=f"{estimate.clock / 1e6:g}",
        busy=f"{100 * busy:.2g}",
        sram=f"{estimate.sram:,}",
        flash=f"{estimate.flash:,}",
        reserved=f"{reserved:,}",
        compiled=COMPILED,
        fixed=FIXED,
        summary=SUMMARY,
    )
