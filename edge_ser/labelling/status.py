"""What a label store holds, in a few lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from edge_ser.labelling.quarantine import Quarantine
from edge_ser.labelling.store import LabelStore, TeacherIdentity

_SHOWN = 10


def lines(folder: Path) -> Iterator[str]:
    """Rows, hours and teachers with their licences, then the quarantine by reason.

    Raises:
        InputError: no store, or a damaged part.
    """
    clips: Counter[TeacherIdentity] = Counter()
    seconds: defaultdict[TeacherIdentity, float] = defaultdict(float)
    for row in LabelStore(folder).rows():
        teacher = TeacherIdentity(row.teacher_id, row.teacher_licence, row.teacher_sha256)
        clips[teacher] += 1
        seconds[teacher] += row.duration
    for teacher, count in clips.most_common():
        yield (
            f"{count} clips, {seconds[teacher] / 3600:.2f} h, labelled by {teacher.id} "
            f"({teacher.licence}), weights {teacher.weights_sha256[:12]}"
        )
    reasons = Counter(entry.reason for entry in Quarantine(folder).entries())
    yield f"{reasons.total()} files in quarantine"
    yield from (f"  {count} x {reason}" for reason, count in reasons.most_common(_SHOWN))
