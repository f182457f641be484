"""Self-check of a teacher against the outputs that were published with its weights.

Two outputs of the wav2vec2 model are public: that of its processor and PyTorch weights for
16,000 zeros (its model card), and that of its ONNX export, which takes the signal as it is,
for `np.random.seed(0)` and 16,000 values of N(0, 1) (its tutorial). The WavLM model has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.errors import InputError
from edge_ser.teachers import Teacher
from edge_ser.teachers.ensemble import EnsembleTeacher
from edge_ser.teachers.published import PUBLISHED, WAV2VEC2_MSP_DIM
from edge_ser.teachers.transformer_teacher import TransformerTeacher


@dataclass(frozen=True)
class Anchor:
    """A published answer.

    Attributes:
        name: of the input.
        signal: (16000,) at 16 kHz.
        adv: published arousal, dominance, valence.
        tolerance: largest difference in float32; the noise's is wider because the processor
            moves it by about 1 % (mean and variance of the sample), which the ONNX file did not.
    """

    name: str
    signal: NDArray[np.float32]
    adv: tuple[float, float, float]
    tolerance: float


_BFLOAT16_TOLERANCE = 0.03
"""Added in bfloat16, which has 8 bits of mantissa."""


def anchors() -> tuple[Anchor, Anchor]:
    """The published answers of wav2vec2-msp-dim."""
    noise = np.random.RandomState(0).normal(size=SAMPLE_RATE).astype(np.float32)
    return (
        Anchor(
            "1 s of zeros",
            np.zeros(SAMPLE_RATE, np.float32),
            (0.5460754, 0.6062266, 0.40431657),
            0.001,
        ),
        Anchor("1 s of seeded noise", noise, (0.6563389, 0.630771, 0.4762332), 0.01),
    )


@dataclass(frozen=True)
class Comparison:
    """One anchor against what this teacher says.

    Attributes:
        anchor: the published answer.
        adv: this teacher's.
        tolerance: largest difference allowed.
    """

    anchor: Anchor
    adv: tuple[float, float, float]
    tolerance: float

    @property
    def difference(self) -> float:
        """Largest absolute difference of the three."""
        return float(np.abs(np.subtract(self.adv, self.anchor.adv)).max())

    @property
    def agrees(self) -> bool:
        """Whether it is within the tolerance; not-a-number is not."""
        return self.difference <= self.tolerance


@dataclass(frozen=True)
class TeacherCheck:
    """What could be said of a teacher's weights.

    Attributes:
        teacher: its id.
        comparisons: with the published answers; empty if the teacher has none.
        hashes: (member, SHA-256 of its weights), for the record.
        unchecked: members without a published answer.
    """

    teacher: str
    comparisons: tuple[Comparison, ...]
    hashes: tuple[tuple[str, str], ...]
    unchecked: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether there was a published answer, and each was repeated."""
        return bool(self.comparisons) and all(each.agrees for each in self.comparisons)


def check_teacher(teacher: Teacher) -> TeacherCheck:
    """Compare a teacher with the published answers.

    Raises:
        InputError: it is none of the published teachers.
    """
    members = _members(teacher)
    with_anchors = [member for member in members if _is_wav2vec2(member)]
    return TeacherCheck(
        teacher=teacher.id,
        comparisons=tuple(
            _compare(member, anchor) for member in with_anchors for anchor in anchors()
        ),
        hashes=tuple((member.id, member.weights_sha256) for member in members),
        unchecked=tuple(member.id for member in members if member not in with_anchors),
    )


def _members(teacher: Teacher) -> list[TransformerTeacher]:
    if isinstance(teacher, EnsembleTeacher):
        return teacher.members
    if isinstance(teacher, TransformerTeacher):
        return [teacher]
    names = ", ".join(published.name for published in PUBLISHED)
    raise InputError(
        f"{teacher.id} is not one of the paper's teachers, there is nothing to compare it with",
        f"teachers to check: {names}, ensemble, or their folders",
    )


def _is_wav2vec2(member: TransformerTeacher) -> bool:
    return member.name == WAV2VEC2_MSP_DIM.name


def _compare(member: TransformerTeacher, anchor: Anchor) -> Comparison:
    arousal, dominance, valence = (float(value) for value in member.predict(anchor.signal))
    extra = _BFLOAT16_TOLERANCE if member.bfloat16 else 0.0
    return Comparison(anchor, (arousal, dominance, valence), anchor.tolerance + extra)


def render(check: TeacherCheck) -> str:
    """The check as text for a terminal."""
    lines = [f"{check.teacher}: comparison with the published outputs"]
    if check.comparisons:
        lines.append(f"  {'input':<20} {'':<9} " + " ".join(f"{name:>9}" for name in DIMENSIONS))
    for each in check.comparisons:
        published, found = (
            " ".join(f"{value:9.5f}" for value in adv) for adv in (each.anchor.adv, each.adv)
        )
        verdict = "agrees" if each.agrees else "DIFFERS"
        lines += [
            f"  {each.anchor.name:<20} published {published}",
            f"  {'':<20} {'here':<9} {found}",
            f"  {'':<20} largest difference {each.difference:.5f}, "
            f"tolerance {each.tolerance:g}: {verdict}",
        ]
    lines += [f"  weights of {member}: SHA-256 {value}" for member, value in check.hashes]
    lines += [
        f"  {member}: no outputs were published with these weights, so they cannot be checked; "
        f"only {WAV2VEC2_MSP_DIM.name} has any"
        for member in check.unchecked
    ]
    return "\n".join([*lines, _verdict(check)])


def _verdict(check: TeacherCheck) -> str:
    if not check.comparisons:
        return "not confirmed: nothing to compare with"
    if not check.passed:
        return f"NOT the weights that the paper used: {WAV2VEC2_MSP_DIM.name} answers otherwise"
    if check.unchecked:
        return f"{WAV2VEC2_MSP_DIM.name}: the weights that the paper used; the other is unchecked"
    return "the weights that the paper used"
