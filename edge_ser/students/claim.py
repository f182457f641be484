"""The paper's claim about its smallest student, and what the recorded rows say of it."""

from __future__ import annotations

from collections.abc import Sequence

from edge_ser import DIMENSIONS
from edge_ser.students.table import Row

CLAIM = (
    "arXiv 2408.13920: Wav2Small (72 K parameters) is within a few CCC points of a MobileNetV4-S "
    "student (3.12 M) at about 1/40 of its parameters."
)

SMALL, LARGE = "wav2small", "mobilenetv4-s"


def verdict(rows: Sequence[Row]) -> str:
    """One sentence from the rows of the two students."""
    known = {row.student: row for row in rows if row.to_teacher}
    if not {SMALL, LARGE} <= set(known):
        return "Not tested: it takes an evaluation of both."
    small, large = known[SMALL], known[LARGE]
    points = ", ".join(
        f"{name} {100 * (small.to_teacher[name]['value'] - large.to_teacher[name]['value']):+.1f}"
        for name in DIMENSIONS
    )
    ratio = large.parameters / small.parameters
    same = small.teacher["weights_sha256"] == large.teacher["weights_sha256"]
    teachers = "the same teacher" if same else "different teachers, so the comparison is unfair"
    return (
        f"Here {SMALL} has 1/{ratio:.0f} of the parameters of {LARGE}, and its CCC to the teacher "
        f"differs by {points} points of 100 ({small.clips} clips, {teachers}). "
        f"Budgets differ too: {_budget(small)} against {_budget(large)}."
    )


def _budget(row: Row) -> str:
    words = row.command.split()
    steps = words[words.index("--steps") + 1] if "--steps" in words else "?"
    return f"{steps} steps of {row.student}'s last training"
