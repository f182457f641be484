"""Robustness by the definitions of the public test suite for dimensional SER (audeering/ser-tests).

Does a prediction stay when the audio changes in a way that does not change the emotion? Every
clip is perturbed by `suite.perturbations`, and `measure.measure_robustness` counts how many
predictions move by less than .05. docs/ROBUSTNESS.md describes every row.
"""

from __future__ import annotations

from edge_ser.evaluation.robustness.measure import RobustnessResult, measure_robustness
from edge_ser.evaluation.robustness.perturbation import GROUPS, Group, Perturbation
from edge_ser.evaluation.robustness.sources import Sources
from edge_ser.evaluation.robustness.suite import PERTURBATIONS, perturbations

__all__ = [
    "GROUPS",
    "PERTURBATIONS",
    "Group",
    "Perturbation",
    "RobustnessResult",
    "Sources",
    "measure_robustness",
    "perturbations",
]
