"""The mean of two teachers: the teacher of Wav2Small (arXiv 2408.13920) is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import InputError
from edge_ser.teachers import RaggedTeacher
from edge_ser.teachers.checkpoint_folder import fingerprint
from edge_ser.teachers.licence import combined
from edge_ser.teachers.published import ENSEMBLE, PUBLISHED
from edge_ser.teachers.transformer_teacher import TransformerTeacher


class EnsembleTeacher(RaggedTeacher):
    """Unweighted mean of a wav2vec2-msp-dim and a wavlm-odyssey, not clipped.

    All licences hold for what is learned from it.

    Raises:
        InputError: the members are not one of each.
    """

    def __init__(self, members: Sequence[TransformerTeacher]) -> None:
        names = sorted(member.name for member in members)
        if names != sorted(teacher.name for teacher in PUBLISHED):
            raise InputError(
                f"no ensemble is made of {' and '.join(names)}",
                f"supported: one {' and one '.join(teacher.name for teacher in PUBLISHED)}",
            )
        self.members = sorted(members, key=lambda member: member.id)
        bfloat16 = any(member.bfloat16 for member in members)
        self.id = f"{ENSEMBLE} in bfloat16" if bfloat16 else ENSEMBLE
        self.licence = combined(member.licence for member in self.members)
        self.weights_sha256 = fingerprint(
            {member.id: member.weights_sha256 for member in self.members}
        )

    def predict_many(self, clips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Clips of (samples,) at 16 kHz, of any lengths -> (clips, 3) A/D/V."""
        answers = np.stack([member.predict_many(clips) for member in self.members])
        mean: NDArray[np.float32] = answers.mean(0)
        return mean
