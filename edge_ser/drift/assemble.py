"""From a bundle and clips to a whole drift report: what the export and `edge-ser drift` share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_ser.bundle import Bundle
from edge_ser.drift.chain import FLOAT_ARTEFACT, TEACHER, Chain
from edge_ser.drift.clips import spread
from edge_ser.drift.gate import Gate, judge
from edge_ser.drift.measure import ClipSet, DriftClip, measure
from edge_ser.drift.report import Condition, DriftReport, measure_conditions
from edge_ser.errors import EnvironmentMissing

if TYPE_CHECKING:
    from edge_ser.drift.layers import LayerCost

INT8_ARTEFACT = "model.int8.onnx"
LAYER_CLIPS = 12
"""SQNR changes in the third digit beyond a dozen clips."""


@dataclass(frozen=True)
class Scope:
    """How much to measure.

    Attributes:
        gate: limits of the verdict.
        perturbation_clips: at most so many clips under perturbations; 0 leaves them out.
        layer_clips: at most so many clips for the layer costs; 0 leaves them out.
        seed: of the perturbations.
        progress: show progress bars.
    """

    gate: Gate = field(default_factory=Gate)
    perturbation_clips: int = 50
    layer_clips: int = LAYER_CLIPS
    seed: int = 0
    progress: bool = False


def build_report(
    bundle: Bundle,
    chain: Chain,
    clips: ClipSet,
    corpora: tuple[str, ...],
    scope: Scope,
    facts: dict[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> DriftReport:
    """Measure everything that a report states.

    Args:
        bundle: open.
        chain: the steps.
        clips: what to measure on.
        corpora: one line for each corpus, saying which clips of it.
        scope: how much.
        facts: more lines for the report's head.
        notes: more remarks.
    """
    result = measure(chain.sources, clips, chain.reference, "clips" if scope.progress else "")
    remarks = [*notes, *chain.notes]
    predictors = chain.student_predictors
    conditions: tuple[Condition, ...] = ()
    if scope.perturbation_clips and chain.reference in predictors:
        few = pick(clips, scope.perturbation_clips)
        conditions = measure_conditions(
            dict(predictors), few, chain.reference, scope.seed, progress=scope.progress
        )
        remarks.append(_measured_on("perturbations", len(few), len(clips)))
    elif scope.perturbation_clips:
        remarks.append("perturbations: left out, the float model cannot be run here")
    return DriftReport(
        title=f"{bundle.manifest.name} for {bundle.manifest.target}",
        facts={**bundle_facts(bundle), **(facts or {})},
        corpora=corpora,
        steps=tuple(step.info for step in chain.steps),
        result=result,
        verdict=judge(result, scope.gate),
        conditions=conditions,
        layers=_layers(bundle, clips, scope, remarks),
        notes=tuple(remarks),
    )


def bundle_facts(bundle: Bundle) -> dict[str, str]:
    """What the report says of the model; nothing of this machine."""
    manifest = bundle.manifest
    student, calibration = manifest.student, manifest.calibration
    return {
        "student": f"{student.name}, {student.parameters:,} parameters, "
        f"checkpoint SHA-256 {student.checkpoint_sha256}",
        TEACHER: f"{manifest.teacher.id} ({manifest.teacher.licence})",
        "calibration": f"{calibration.clips} clips, {calibration.method}, {calibration.source}",
        "exported by": f"edge-ser {manifest.version}",
    }


def pick(clips: ClipSet, limit: int) -> list[DriftClip]:
    """At most `limit` clips, evenly spaced, held in memory."""
    wanted = set(spread(range(len(clips)), limit))
    return [clip for index, clip in enumerate(clips) if index in wanted]


def _layers(
    bundle: Bundle, clips: ClipSet, scope: Scope, remarks: list[str]
) -> tuple[LayerCost, ...]:
    if not scope.layer_clips:
        return ()
    models = bundle.manifest.models
    if FLOAT_ARTEFACT not in models or INT8_ARTEFACT not in models:
        remarks.append("layer costs: left out, the bundle lacks one of the two ONNX files")
        return ()
    from edge_ser.drift.layers import layer_costs

    audio = [clip.audio for clip in pick(clips, scope.layer_clips)]
    try:
        costs = layer_costs(bundle.path(FLOAT_ARTEFACT), bundle.path(INT8_ARTEFACT), audio)
    except EnvironmentMissing as error:
        remarks.append(f"layer costs: left out, {error} ({error.hint})")
        return ()
    remarks.append(_measured_on("layer costs", len(audio), len(clips)))
    return costs


def _measured_on(what: str, some: int, all_clips: int) -> str:
    return f"{what}: measured on {some} of the {all_clips} clips, evenly spaced"
