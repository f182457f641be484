"""Everything a drift report states; `edge_ser.drift.files` writes it down.

Reproducible: no time, no host name, no absolute path goes in, so that a bundle that holds
its report keeps its hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from edge_ser import __version__
from edge_ser.drift.gate import Verdict
from edge_ser.drift.layers import LayerCost
from edge_ser.drift.measure import ClipSet, DriftResult, Source, measure
from edge_ser.drift.perturbations import PERTURBATIONS, Perturbation, PerturbedClips

REPORT_SCHEMA = 1
WORST_CLIPS = 8


@dataclass(frozen=True)
class StepInfo:
    """One step of the chain, for the record.

    Attributes:
        name: as in the tables.
        artefact: file name, or what stands for it.
        engine: runtime and version, e.g. "litert 2.3.0".
        sha256: hex, of the artefact; empty where there is no file.
    """

    name: str
    artefact: str
    engine: str
    sha256: str


@dataclass(frozen=True)
class Condition:
    """The chain under one perturbation.

    Attributes:
        name, description: of the perturbation.
        result: all steps on the perturbed clips; the reference is perturbed too.
        moved: mean absolute change of the reference's own predictions, for scale.
    """

    name: str
    description: str
    result: DriftResult
    moved: float


@dataclass(frozen=True)
class DriftReport:
    """A whole report.

    Attributes:
        title: student and target, e.g. "wav2small for rpi".
        facts: label -> value shown at the top (checkpoint hash, teacher, versions).
        corpora: one line per corpus: what the figures were measured on.
        steps: the chain in order.
        result: on the unperturbed clips.
        verdict: of the gate on `result`.
        conditions: the same chain under perturbations.
        layers: what each layer costs; empty when not measured, `notes` says why.
        notes: absent steps, how clips were cut, where labels come from.
    """

    title: str
    facts: dict[str, str]
    corpora: tuple[str, ...]
    steps: tuple[StepInfo, ...]
    result: DriftResult
    verdict: Verdict
    conditions: tuple[Condition, ...] = ()
    layers: tuple[LayerCost, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def summary(self) -> dict[str, Any]:
        """The few figures that a manifest carries."""
        compared = self.result.against_reference()
        return {
            "passed": self.verdict.passed,
            "clips": len(self.result.clips),
            "reference": self.result.reference,
            "steps": {
                step: {
                    "mae": compared[step].mae,
                    "max": compared[step].max,
                    "ccc": {name: f.ccc for name, f in compared[step].dimensions.items()},
                }
                for step in self.verdict.judged
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": REPORT_SCHEMA,
            "kind": "drift",
            "version": __version__,
            "title": self.title,
            "facts": self.facts,
            "corpora": list(self.corpora),
            "chain": [asdict(step) for step in self.steps],
            "verdict": self.verdict.to_dict(),
            **self.result.to_dict(),
            "worst_clips": {
                step: [asdict(clip) for clip in self.result.worst(step, WORST_CLIPS)]
                for step in self.result.after_reference()
            },
            "perturbations": {
                condition.name: {
                    "description": condition.description,
                    "reference_moved_mae": condition.moved,
                    **condition.result.to_dict(),
                }
                for condition in self.conditions
            },
            "layers": [asdict(layer) for layer in self.layers],
            "notes": list(self.notes),
        }


def measure_conditions(
    engines: dict[str, Source],
    clips: ClipSet,
    reference: str,
    seed: int,
    perturbations: Sequence[Perturbation] = PERTURBATIONS,
    progress: bool = False,
) -> tuple[Condition, ...]:
    """The chain under each perturbation.

    Args:
        engines: predictors only: a table of values knows nothing of perturbed audio.
        clips: unperturbed.
        reference: step to compare with, itself run on the perturbed audio.
        seed: of the perturbations.
        perturbations: which.
        progress: show a bar for each.
    """
    plain = measure({reference: engines[reference]}, clips, reference)
    found = []
    for perturbation in perturbations:
        changed = PerturbedClips(clips, perturbation, seed)
        result = measure(engines, changed, reference, perturbation.name if progress else "")
        moved = np.abs(result.predictions[reference] - plain.predictions[reference]).mean()
        found.append(Condition(perturbation.name, perturbation.description, result, float(moved)))
    return tuple(found)
