"""The drift gate: how far a bundle's models may stray from the float reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_ser.drift.agreement import Comparison
from edge_ser.drift.measure import DriftResult

CLIPS_FOR_CCC = 200
"""Below this many clips a CCC says more about the choice of clips than about the model."""


@dataclass(frozen=True)
class Gate:
    """Limits, each against the float reference.

    Attributes:
        ccc: lowest CCC of any dimension.
        mae: largest mean absolute error of any dimension.
        max: largest absolute error of any clip and dimension.
        clips_for_ccc: the CCC is judged on this many clips or more.
    """

    ccc: float = 0.999
    mae: float = 0.004
    max: float = 0.02
    clips_for_ccc: int = CLIPS_FOR_CCC

    def judges_ccc(self, clips: int) -> bool:
        """Whether a corpus of that many clips is large enough for the CCC limit."""
        return clips >= self.clips_for_ccc

    def failures(self, step: str, comparison: Comparison) -> list[str]:
        """One sentence for each limit that a step misses."""
        found = []
        for dimension, figures in comparison.dimensions.items():
            what = f"{step}, {dimension}:"
            if self.judges_ccc(comparison.clips) and not figures.ccc >= self.ccc:
                found.append(f"{what} CCC {figures.ccc:.5f} is below {self.ccc:g}")
            if not figures.mae <= self.mae:
                found.append(f"{what} MAE {figures.mae:.5f} is above {self.mae:g}")
            if not figures.max <= self.max:
                found.append(f"{what} max error {figures.max:.5f} is above {self.max:g}")
        return found


@dataclass(frozen=True)
class Verdict:
    """The gate's answer.

    Attributes:
        passed: every judged step kept every limit, and at least one step was judged.
        judged: the steps that were judged, those after the reference.
        failures: one sentence each.
        gate: the limits.
        ccc_judged: False when the clips were too few for the CCC limit.
    """

    passed: bool
    judged: tuple[str, ...]
    failures: tuple[str, ...]
    gate: Gate
    ccc_judged: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "passed": self.passed,
            "judged": list(self.judged),
            "failures": list(self.failures),
            "limits": {"ccc": self.gate.ccc, "mae": self.gate.mae, "max": self.gate.max},
            "ccc_judged": self.ccc_judged,
        }


def judge(result: DriftResult, gate: Gate) -> Verdict:
    """Hold every step after the reference against the limits.

    The steps before it (teacher against student) measure distillation, which no export
    can mend: they are reported, not judged.
    """
    compared = result.against_reference()
    judged = tuple(step for step in result.after_reference() if step in compared)
    failures = [line for step in judged for line in gate.failures(step, compared[step])]
    if not judged:
        failures.append(f"no step after {result.reference} could be run: nothing was judged")
    return Verdict(
        passed=not failures,
        judged=judged,
        failures=tuple(failures),
        gate=gate,
        ccc_judged=any(gate.judges_ccc(compared[step].clips) for step in judged),
    )
