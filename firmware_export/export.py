"""From a checkpoint to a verified bundle: models, golden vectors, drift, manifest, archive.

Everything is made in a scratch folder beside the destination, packed, opened again as a
receiver would, and run on its golden clips; only then does it get its name. A failed export
leaves nothing behind. The same inputs give the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.cache import CalibrationCache
from edge_ser import DIMENSIONS, SAMPLE_RATE, __version__
from edge_ser.bundle import Bundle, Manifest, open_bundle, pack
from edge_ser.bundle.manifest import (
    MANIFEST_NAME,
    SCHEMA_VERSION,
    CEngineInfo,
    Figure,
    FileEntry,
    ModelInfo,
    StudentInfo,
)
from edge_ser.checkpoint import load_student
from edge_ser.drift import files as drift_files
from edge_ser.drift.report import DriftReport
from edge_ser.errors import InputError
from edge_ser.students.cost import multiply_accumulates, parameter_count, widest_layer
from edge_ser.students.student import Student
from firmware_export import drift_gate, gates, golden, provenance
from firmware_export.artefacts import write_models
from firmware_export.c_handoff import write_c
from firmware_export.c_handoff.binaries import require_toolchain
from firmware_export.confidence import copy_confidence
from firmware_export.extras import require_programs, write_extra
from firmware_export.fit import require_fit
from firmware_export.needs import needs_of
from firmware_export.run_files import ReadmeValues, write_run_files
from firmware_export.target import Target
from firmware_export.targets import find_target
from firmware_export.wheel import write_wheel

WINDOW_SECONDS = 5.0
HOP_SECONDS = 0.5
DEFAULT_AUDIO_CLIPS = 300


@dataclass(frozen=True)
class ExportResult:
    """What an export made.

    Attributes:
        folder, archive: the bundle, twice.
        sha256: of the archive.
        sizes: model file -> bytes.
        drift: figures and the gate's verdict.
        golden_error: largest difference when the finished archive was run again.
        memory: the manifest's figures.
    """

    folder: Path
    archive: Path
    sha256: str
    sizes: dict[str, int]
    drift: DriftReport
    golden_error: float
    memory: dict[str, Figure]


@dataclass(frozen=True)
class _HandOff:
    """What the target gets besides models, for the manifest."""

    memory: dict[str, Figure]
    c_engine: CEngineInfo | None


def export_bundle(
    checkpoint: Path,
    target: str,
    out: Path,
    *,
    calibration: CalibrationCache,
    audio: Sequence[Path] = (),
    audio_clips: int = DEFAULT_AUDIO_CLIPS,
    with_run: bool = True,
    with_c: bool = True,
    with_binaries: bool = True,
    force: bool = False,
    keep_failed: bool = False,
    progress: bool = False,
) -> ExportResult:
    """Export, check the gates, verify.

    Args:
        checkpoint: a student's `.safetensors`, its card beside it.
        target: name of a target.
        out: folder to make; the archive is `OUT.tar.gz`.
        calibration: ranges of that checkpoint.
        audio: folders of real clips for the drift gate; probe clips without.
        audio_clips: at most this many of them.
        with_run: whether `run/` (wheel, installer, README) goes in where the target takes it.
        with_c: whether `c/` goes in where the target takes it.
        with_binaries: whether `c/` gets a library and a program built for the target.
        force: replace an existing `out`.
        keep_failed: write the bundle although the drift gate fails; the manifest says so.
        progress: show bars on standard error.

    Raises:
        InputError: unusable checkpoint, a student that cannot run there, stale calibration or
            confidence, or `out` exists.
        EnvironmentMissing: the target's compiler or a converter is not installed.
        GateFailed: a file or the engine is too large, drift too high, or golden values do not
            repeat.
    """
    chosen = find_target(target)
    if not with_c:
        chosen = dataclasses.replace(chosen, c=None)
    archive = out.with_name(out.name + ".tar.gz")
    _refuse_existing([out, archive], force)
    student, card = load_student(checkpoint)
    chosen = require_possible(card["student"], student, chosen, with_binaries)
    calibration.check(card["weights_sha256"], student.config.frontend)
    clips = drift_gate.real_clips(audio, audio_clips)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=out.parent) as scratch:
        folder = Path(scratch, "bundle")
        folder.mkdir()
        models = write_models(student, calibration, folder, provenance.file_metadata(card))
        sizes = gates.file_sizes(folder, list(models))
        gates.check_sizes(card["student"], sizes)
        manifest = _first_manifest(student, card, chosen, calibration, models, folder)
        with open_bundle(folder) as bundle:
            recorded = golden.record(bundle)
            report = drift_gate.measure_drift(bundle, checkpoint, clips, progress)
            if not keep_failed:
                drift_gate.require_pass(report)
            handed = _write_hand_off(bundle, folder, chosen, with_binaries)
        drift_files.write(report, folder)
        copy_confidence(checkpoint, card["weights_sha256"], folder)
        if with_run and chosen.installer:
            _write_run(folder / "run", chosen, card, sizes, report)
        manifest = dataclasses.replace(
            manifest,
            golden=recorded,
            drift=drift_gate.summary(report),
            memory=manifest.memory | handed.memory,
            c_engine=handed.c_engine,
            files=_entries(folder),
        )
        _write_manifest(folder, manifest)
        packed = Path(scratch, "bundle.tar.gz")
        sha256 = pack(folder, packed)
        with open_bundle(packed, sha256) as bundle:
            golden_error = golden.check(bundle)
        _move(folder, out)
        packed.replace(archive)
    return ExportResult(out, archive, sha256, sizes, report, golden_error, manifest.memory)


def require_possible(
    name: str, student: Student, target: Target, with_binaries: bool = True
) -> Target:
    """Refuse what would fail after an hour of work.

    Args:
        name: of the student.
        student: the network.
        target: asked for.
        with_binaries: whether something will be compiled for it.

    Returns:
        The target, without its C engine where only Python runtimes can run this student.

    Raises:
        InputError: the student cannot run there.
        EnvironmentMissing: the target's compiler, or a program of its hand-off, is not installed.
    """
    needs = needs_of(name, student)
    require_fit(needs, target)
    require_programs(target)
    possible = dataclasses.replace(target, c=None) if needs.missing else target
    if with_binaries:
        require_toolchain(possible)
    return possible


def _refuse_existing(paths: Sequence[Path], force: bool) -> None:
    for path in paths:
        if path.exists() and not force:
            raise InputError(f"{path} exists", "name another --out, or replace it with --force")


def _first_manifest(
    student: Student,
    card: dict[str, Any],
    target: Target,
    calibration: CalibrationCache,
    models: dict[str, ModelInfo],
    folder: Path,
) -> Manifest:
    """All but what must be measured on the bundle itself; written, so that it can be opened."""
    clips = golden.write_golden_clips(folder)
    manifest = Manifest(
        schema=SCHEMA_VERSION,
        name=card["student"],
        target=target.name,
        version=__version__,
        sample_rate=SAMPLE_RATE,
        dimensions=DIMENSIONS,
        output_range=(0.0, 1.0),
        clipped=False,
        window_seconds=WINDOW_SECONDS,
        hop_seconds=HOP_SECONDS,
        frontend=student.config.frontend,
        student=StudentInfo(
            name=card["student"],
            parameters=parameter_count(student),
            macs_per_5s=multiply_accumulates(student, 5 * SAMPLE_RATE),
            time_stride=student.shape.time_stride,
            receptive_radius=student.shape.receptive_radius,
            checkpoint_sha256=card["weights_sha256"],
        ),
        files=_entries(folder),
        models=models,
        golden=clips,
        teacher=provenance.teacher_of(card),
        training_data=provenance.training_data_of(card),
        attribution=tuple(card.get("attribution", ())),
        calibration=provenance.calibration_info(calibration),
        drift={},
        memory=_memory(student),
        tools=provenance.tool_versions(),
    )
    _write_manifest(folder, manifest)
    return manifest


def _memory(student: Student) -> dict[str, Figure]:
    """Activations alive in the widest layer, its input and its output, over 5 s at once."""
    values = widest_layer(student, 5 * SAMPLE_RATE)
    how = "input and output of the backbone's widest convolution, 5 s at once"
    return {
        "widest_layer_int8": Figure(values, "byte", "derived", how),
        "widest_layer_float32": Figure(4 * values, "byte", "derived", how),
    }


def _write_hand_off(bundle: Bundle, folder: Path, target: Target, with_binaries: bool) -> _HandOff:
    """What the target gets for a firmware or an app: `c/`, or a folder of its own."""
    memory = write_extra(bundle, folder, target)
    if target.c is None:
        return _HandOff(memory, None)
    made = write_c(bundle, folder, target, with_binaries)
    gates.check_memory(bundle.manifest.name, target.name, made.memory)
    return _HandOff(memory | made.memory, made.info)


def _write_run(
    folder: Path, target: Target, card: dict[str, Any], sizes: dict[str, int], report: DriftReport
) -> None:
    teacher = provenance.teacher_of(card)
    values = ReadmeValues(
        name=card["student"],
        target=target.name,
        version=__version__,
        sizes=sizes,
        drift=drift_gate.one_sentence(report),
        teacher=f"{teacher.id} ({teacher.licence})",
        licences=provenance.licence_lines(card),
    )
    write_run_files(folder, values)
    write_wheel(folder)


def _entries(folder: Path) -> dict[str, FileEntry]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): FileEntry(
            hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
        )
        for path in files
        if path.name != MANIFEST_NAME
    }


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    (folder / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")


def _move(folder: Path, out: Path) -> None:
    """Give the bundle its name; what was there before goes only once it can be replaced."""
    folder.chmod(0o755)
    if not out.exists():
        folder.rename(out)
        return
    old = folder.with_name("replaced")
    out.rename(old)
    folder.rename(out)
    shutil.rmtree(old) if old.is_dir() else old.unlink()
