"""How likely each value is right: within a tolerance of what the teacher says of clean speech.

The parameters belong to one checkpoint (`edge-ser confidence` fits them; docs/CONFIDENCE.md has
the method and the figures). They are read from the bundle's own `confidence.json`, or else from
this installation, where the shipped students have theirs.

Non-goals: whether the teacher is right; anything that needs the network's inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.decode import decode, parse_json
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused, EnvironmentMissing, InputError
from edge_ser.models import shipped
from edge_ser.stream.meaning.curves import Curves
from edge_ser.stream.meaning.evidence import SPEECH, Window, evidence
from edge_ser.stream.meaning.track import SoundTrack

CONFIDENCE_FILE = "confidence.json"
"""In a bundle; beside a checkpoint and in this installation it is `NAME.confidence.json`."""

SCHEMA = 1
MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class ConfidenceParameters:
    """What `edge-ser confidence` writes.

    Attributes:
        schema: of this file, 1.
        student, checkpoint_sha256: whose readings they are for.
        tolerance: a value this close to the teacher's counts as right.
        detector: that speech was told with.
        with_detector, without_detector: the model for either case.
        provenance: how they were made, of which data; free-form.
    """

    schema: int
    student: str
    checkpoint_sha256: str
    tolerance: float
    detector: str
    with_detector: Curves
    without_detector: Curves
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise InputError(f"confidence parameters of schema {self.schema}, not {SCHEMA}")
        if not 0 < self.tolerance < 1:
            raise InputError(f"a tolerance of {self.tolerance:g} is not within 0 and 1")
        needed = sorted(set(self.without_detector.features) & set(SPEECH))
        if needed:
            raise InputError(f"{needed[0]} is not known without a detector")


@dataclass(frozen=True)
class Confidence:
    """Judges readings.

    Attributes:
        parameters: of the model that made them.
    """

    parameters: ConfidenceParameters

    def of(self, analysed: Window, track: SoundTrack) -> NDArray[np.float64]:
        """Chance that each value is within the tolerance: (3,), 0..1.

        Args:
            analysed: a window and its values; one that is not a number has confidence 0.
            track: has heard the stream up to the window's end at least.
        """
        known = evidence(analysed, track)
        detected = SPEECH[0] in known
        model = self.parameters.with_detector if detected else self.parameters.without_detector
        return np.where(np.isfinite(analysed.values), model.of(known), 0.0)


def read_parameters(content: bytes, where: str) -> ConfidenceParameters:
    """Parse and check parameters.

    Args:
        content: of a `confidence.json`.
        where: its name, for messages.

    Raises:
        BundleRefused: not such a file, or of a kind that is not known.
    """
    if len(content) > MAX_BYTES:
        raise BundleRefused(f"{where} has {len(content)} bytes; at most {MAX_BYTES}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleRefused(f"{where} is not UTF-8 text") from error
    return decode(ConfidenceParameters, parse_json(text, where), where)


def load_confidence(bundle: Bundle) -> Confidence | None:
    """The confidence of a bundle's model; None when nobody has fitted any for it.

    Raises:
        BundleRefused: the bundle's own parameters are damaged, or belong to another checkpoint.
    """
    student = bundle.manifest.student
    if CONFIDENCE_FILE in bundle.manifest.files:
        own = read_parameters(bundle.read(CONFIDENCE_FILE), CONFIDENCE_FILE)
        if own.checkpoint_sha256 != student.checkpoint_sha256:
            raise BundleRefused(
                f"{CONFIDENCE_FILE} was fitted to another checkpoint than the bundle's",
                "fit it again (edge-ser confidence) and export the bundle again",
            )
        return Confidence(own)
    name = f"{student.name}.confidence.json"
    try:
        path = shipped(name)
    except EnvironmentMissing:
        return None
    known = read_parameters(path.read_bytes(), name)
    return Confidence(known) if known.checkpoint_sha256 == student.checkpoint_sha256 else None
