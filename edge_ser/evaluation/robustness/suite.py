"""The rows of the suite, in the order in which they are shown."""

from __future__ import annotations

from edge_ser.evaluation.robustness.background import background_noises
from edge_ser.evaluation.robustness.perturbation import Perturbation
from edge_ser.evaluation.robustness.rooms import ROOMS
from edge_ser.evaluation.robustness.small_changes import SMALL_CHANGES
from edge_ser.evaluation.robustness.sources import Sources
from edge_ser.evaluation.robustness.telephone import TELEPHONE
from edge_ser.evaluation.robustness.tilt import SPECTRAL_TILTS


def perturbations(sources: Sources) -> tuple[Perturbation, ...]:
    """All perturbations of the public suite, with these recordings for those that need some."""
    return (*SMALL_CHANGES, *background_noises(sources), *TELEPHONE, *SPECTRAL_TILTS, *ROOMS)


PERTURBATIONS = perturbations(Sources())
"""The suite without any recordings: what needs some is listed as not measured."""
