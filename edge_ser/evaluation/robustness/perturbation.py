"""What a perturbation is: a seeded change of a clip, and the share of predictions it may move."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser.errors import InputError
from edge_ser.evaluation.robustness.published import Published, published

Signal = NDArray[np.float32]
"""(samples,) float32, 16 kHz, about [-1, 1]."""

Change = Callable[[Signal, Generator], Signal]
"""(signal, generator) -> signal, of the same length unless the change is one of length."""


@dataclass(frozen=True)
class Group:
    """Perturbations that share a threshold.

    Attributes:
        key: short, for names of figures, e.g. `small`.
        title: for people.
        minimum_unchanged: least share of clips whose prediction must not move, 0..1.
        delta_ccc: whether the public suite also asks that the CCC to the labels does not fall.
    """

    key: str
    title: str
    minimum_unchanged: float
    delta_ccc: bool


SMALL = Group("small", "small changes", 0.95, False)
BACKGROUND = Group("background", "background noise", 0.90, True)
PHONE = Group("phone", "low-quality phone", 0.50, True)
TILT = Group("tilt", "spectral tilt", 0.80, True)
ROOM = Group("room", "simulated recording condition", 0.80, False)
GROUPS = (SMALL, BACKGROUND, PHONE, TILT, ROOM)


@dataclass(frozen=True)
class Perturbation:
    """One row of the suite.

    Attributes:
        name: unique and short, for tables; it is part of the seed.
        group: threshold.
        description: what exactly is done.
        change: the change; use `apply`, which checks and seeds.
        baseline: change of the clip that predictions are compared with; None for the clip as
            it is. The simulated rooms compare two rooms, as the public suite does.
        missing: why it cannot be measured here, e.g. no recordings of coughs; '' if it can.
    """

    name: str
    group: Group
    description: str
    change: Change
    baseline: Change | None = None
    missing: str = ""

    @property
    def published(self) -> tuple[Published, ...]:
        """Figures of other models in the same test of the public suite."""
        return published(self.name)

    def apply(self, signal: Signal, clip: str, seed: int = 0) -> Signal:
        """The clip perturbed, by a generator that (seed, clip, perturbation) alone decide.

        Args:
            signal: (samples,) float32, 16 kHz.
            clip: its name.
            seed: of the run.

        Raises:
            InputError: the signal is empty, not one-dimensional or not finite, or the
                perturbation cannot be measured.
        """
        return self._applied(self.change, signal, clip, seed)

    def apply_baseline(self, signal: Signal, clip: str, seed: int = 0) -> Signal:
        """What the perturbed clip's prediction is compared with; raises as `apply` does."""
        return self._applied(self.baseline or _unchanged, signal, clip, seed)

    def _applied(self, change: Change, signal: Signal, clip: str, seed: int) -> Signal:
        if self.missing:
            raise InputError(f"{self.name} cannot be measured: {self.missing}")
        changed = change(checked(signal, clip), generator(seed, clip, self.name))
        return np.ascontiguousarray(changed, np.float32)


def generator(seed: int, clip: str, perturbation: str) -> Generator:
    """Randomness of one perturbation of one clip, whatever else is measured before it."""
    digest = hashlib.sha256(f"{clip}\0{perturbation}".encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


def _unchanged(signal: Signal, _: Generator) -> Signal:
    return signal


def checked(signal: Signal, clip: str) -> Signal:
    """A copy, since some libraries write into what they are given.

    Raises:
        InputError: the signal is empty, not one-dimensional or not finite.
    """
    copy = np.array(signal, np.float32)
    if copy.ndim != 1 or len(copy) == 0:
        raise InputError(f"{clip}: robustness needs (samples,) of audio, not shape {copy.shape}")
    if not np.isfinite(copy).all():
        raise InputError(f"{clip} holds samples that are not finite numbers")
    return copy
