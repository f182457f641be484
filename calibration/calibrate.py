"""From folders of audio and a teacher to a calibration cache for one checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from calibration.cache import CalibrationCache
from calibration.candidates import Candidate, calibration_audio
from calibration.headroom import HEADROOM, with_headroom
from calibration.observe import observe
from calibration.select import DEFAULT_COUNT, select
from edge_ser.students.student import Student

METHOD = (
    f"min-max with a headroom of {HEADROOM} over clips chosen by greedy k-centre in "
    "(A, D, V, level), capped per speaker"
)


def calibrate(
    student: Student,
    checkpoint_sha256: str,
    candidates: Sequence[Candidate],
    count: int = DEFAULT_COUNT,
    seed: int = 0,
) -> CalibrationCache:
    """Choose clips and observe the student's ranges on them.

    Args:
        student: in evaluation mode.
        checkpoint_sha256: of its weights file.
        candidates: see `calibration.candidates.candidates`.
        count: clips to choose.
        seed: decides ties.
    """
    chosen = [candidates[i] for i in choose(candidates, count, seed)]
    observed = observe(student, (calibration_audio(candidate.path) for candidate in chosen))
    return CalibrationCache(
        ranges=with_headroom(observed),
        checkpoint_sha256=checkpoint_sha256,
        frontend_sha256=student.config.frontend.sha256(),
        clips=tuple(candidate.record for candidate in chosen),
        method=METHOD,
        seed=seed,
    )


def choose(candidates: Sequence[Candidate], count: int, seed: int) -> list[int]:
    """`select` on what the candidates know of themselves."""
    return select(
        [candidate.record.adv for candidate in candidates],
        [candidate.speaker for candidate in candidates],
        [candidate.level_db for candidate in candidates],
        count,
        seed,
    )
