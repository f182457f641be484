"""The measurement: every step of the chain predicts every clip, then steps are compared.

It knows nothing of bundles, runtimes or reports: a step is anything that maps audio to
A/D/V, or a table of values by clip name (a label store, golden vectors). The export's gate
and `edge-ser drift` both call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.drift.agreement import Comparison, compare
from edge_ser.errors import EdgeSerError, InputError

Predictor = Callable[[NDArray[np.float32]], ArrayLike]
"""(samples,) float32 at 16 kHz -> (3,) A/D/V."""

Source = Predictor | Mapping[str, ArrayLike]
"""A step: a predictor, or known values by clip name (clips it lacks are left out)."""


@dataclass(frozen=True)
class DriftClip:
    """One clip to measure on.

    Attributes:
        name: unique, the same on every machine, e.g. `emodb/audio/03a01Fa.flac`.
        audio: (samples,) float32, 16 kHz, about [-1, 1].
    """

    name: str
    audio: NDArray[np.float32]


class ClipSet(Protocol):
    """Clips that can be counted and gone through many times: a list, or files on disk."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[DriftClip]: ...


@dataclass(frozen=True)
class WorstClip:
    """A clip on which a step strays far from the reference.

    Attributes:
        name: of the clip.
        seconds: its duration.
        error: largest absolute error over the dimensions.
        dimension: the dimension it is in.
        reference, predicted: A/D/V.
    """

    name: str
    seconds: float
    error: float
    dimension: str
    reference: tuple[float, ...]
    predicted: tuple[float, ...]


@dataclass(frozen=True)
class DriftResult:
    """Predictions of every step on every clip, and what follows from them.

    Attributes:
        clips: clip names.
        seconds: (clips,) durations.
        reference: name of the step that the others are held against.
        predictions: step -> (clips, 3) A/D/V, in the order of the chain; a NaN row where
            the step has no value for the clip.
    """

    clips: tuple[str, ...]
    seconds: NDArray[np.float64]
    reference: str
    predictions: dict[str, NDArray[np.float64]]

    def against_reference(self) -> dict[str, Comparison]:
        """Each other step against the reference; steps that share no clip with it are absent."""
        truth = self.predictions[self.reference]
        found = {
            step: compare(self.reference, truth, values)
            for step, values in self.predictions.items()
            if step != self.reference
        }
        return {step: comparison for step, comparison in found.items() if comparison}

    def against_previous(self) -> dict[str, Comparison]:
        """Each step but the first against the one before it in the chain."""
        steps = list(self.predictions)
        found = {
            step: compare(before, self.predictions[before], self.predictions[step])
            for before, step in pairwise(steps)
        }
        return {step: comparison for step, comparison in found.items() if comparison}

    def after_reference(self) -> list[str]:
        """The steps that descend from the reference: what the gate judges."""
        steps = list(self.predictions)
        return steps[steps.index(self.reference) + 1 :]

    def worst(self, step: str, count: int) -> list[WorstClip]:
        """The clips with the largest error against the reference, largest first."""
        truth, values = self.predictions[self.reference], self.predictions[step]
        errors = np.abs(values - truth)
        shared = np.flatnonzero(~np.isnan(errors).any(axis=1))
        order = shared[np.argsort(-errors[shared].max(axis=1), kind="stable")][:count]
        return [
            WorstClip(
                name=self.clips[row],
                seconds=float(self.seconds[row]),
                error=float(errors[row].max()),
                dimension=DIMENSIONS[int(errors[row].argmax())],
                reference=tuple(map(float, truth[row])),
                predicted=tuple(map(float, values[row])),
            )
            for row in order
        ]

    def warnings(self) -> list[str]:
        """What a reader of the figures must know: constant predictions, missing clips."""
        found = []
        for step, comparison in self.against_reference().items():
            for dimension in comparison.constant_dimensions:
                found.append(
                    f"{dimension} of {step} or {self.reference} is constant over all clips: "
                    "its CCC and PCC are reported as 0"
                )
            if comparison.clips < len(self.clips):
                found.append(f"{step} has values for {comparison.clips} of {len(self.clips)} clips")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: figures, not the single predictions."""
        return {
            "dimensions": list(DIMENSIONS),
            "clips": len(self.clips),
            "seconds": float(self.seconds.sum()),
            "reference": self.reference,
            "steps": list(self.predictions),
            "against_reference": _plain(self.against_reference()),
            "against_previous": _plain(self.against_previous()),
            "warnings": self.warnings(),
        }


def measure(
    engines: Mapping[str, Source],
    clips: Iterable[DriftClip],
    reference: str | None = None,
    progress: str = "",
) -> DriftResult:
    """Run every step on every clip; the clips are taken one at a time and not kept.

    Args:
        engines: step name -> predictor or values, in the order of the chain.
        clips: what to predict; names must be unique.
        reference: the step that the others are held against; the first by default.
        progress: label of a progress bar; none when empty.

    Raises:
        InputError: no clips, a name twice, no engines or an unknown reference.
        EdgeSerError: a step gave something other than three finite numbers.
    """
    if not engines:
        raise InputError("no engine to measure", "`edge-ser doctor` lists the usable runtimes")
    anchor = next(iter(engines)) if reference is None else reference
    if anchor not in engines:
        raise InputError(f"no step called {anchor!r}", f"steps: {', '.join(engines)}")
    rows: dict[str, list[NDArray[np.float64]]] = {step: [] for step in engines}
    seconds: dict[str, float] = {}
    for clip in _with_progress(clips, progress):
        if clip.name in seconds:
            raise InputError(f"two clips are called {clip.name!r}", "clip names must be unique")
        seconds[clip.name] = len(clip.audio) / SAMPLE_RATE
        for step, source in engines.items():
            rows[step].append(_value(step, source, clip))
    if not seconds:
        raise InputError("no clips to measure on", "name a folder of audio with --audio")
    predictions = {step: np.array(values) for step, values in rows.items()}
    return DriftResult(tuple(seconds), np.array(list(seconds.values())), anchor, predictions)


def _value(step: str, source: Source, clip: DriftClip) -> NDArray[np.float64]:
    if isinstance(source, Mapping):
        known = source.get(clip.name)
        if known is None:
            return np.full(len(DIMENSIONS), np.nan)
    else:
        known = source(clip.audio)
    values = np.asarray(known, np.float64)
    if values.shape != (len(DIMENSIONS),) or not np.isfinite(values).all():
        raise EdgeSerError(
            f"{step} gave {values.tolist()} for {clip.name}, not three finite numbers",
            "the model or its runtime is broken; run `edge-ser verify` on the bundle",
        )
    return values


def _with_progress(clips: Iterable[DriftClip], label: str) -> Iterable[DriftClip]:
    if not label:
        return clips
    from tqdm import tqdm

    bar: Iterable[DriftClip] = tqdm(clips, desc=label, unit="clip")
    return bar


def _plain(comparisons: dict[str, Comparison]) -> dict[str, Any]:
    return {step: comparison.to_dict() for step, comparison in comparisons.items()}
