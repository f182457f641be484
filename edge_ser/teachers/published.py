"""The published teachers: where their weights are, at which commit, and under which licence.

The weights are not part of this package and cannot be redistributed with it; they come from
the Hugging Face hub or from a folder. `docs/TEACHERS.md` says how the commits were chosen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedTeacher:
    """One repository of the hub.

    Attributes:
        name: as `load_teacher` takes it and label stores keep it.
        repository: OWNER/NAME on the hub.
        revision: full commit that is downloaded unless another one is named.
        licence: SPDX id of the weights.
        model_type: of its config.json; tells the architecture.
    """

    name: str
    repository: str
    revision: str
    licence: str
    model_type: str


WAV2VEC2_MSP_DIM = PublishedTeacher(
    name="wav2vec2-msp-dim",
    repository="audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim",
    revision="6eba34a2485ea31cb03600241787c3a5edab8626",
    licence="CC-BY-NC-SA-4.0",
    model_type="wav2vec2",
)
WAVLM_ODYSSEY = PublishedTeacher(
    name="wavlm-odyssey",
    repository="3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes",
    revision="00d0e12ba9bf957f5aeea36e8663c8c61cb50ac9",
    licence="MIT",
    model_type="ser",
)

PUBLISHED = (WAV2VEC2_MSP_DIM, WAVLM_ODYSSEY)
ENSEMBLE = "ensemble"
"""Name of the mean of the two, the teacher of Wav2Small (arXiv 2408.13920)."""


def how_to_get(teacher: PublishedTeacher) -> str:
    """The command that downloads a published teacher, and the licence its user accepts."""
    return (
        f"on a machine with network: hf download {teacher.repository} "
        f"--revision {teacher.revision} --local-dir {teacher.name}, "
        f"then --teacher {teacher.name}/ (licence of the weights: {teacher.licence})"
    )
