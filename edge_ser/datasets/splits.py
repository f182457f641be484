"""Splits that keep every speaker on one side, balanced as well as whole speakers allow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser.audio.corpus import Clip
from edge_ser.datasets.audformat_rows import SEXES
from edge_ser.errors import InputError

_RESTARTS = 20


@dataclass(frozen=True)
class SplitPlan:
    """How a corpus is divided.

    Attributes:
        parts: name -> share of the clips; the shares sum to 1.
        column: of the manifest, that says each clip's part.
        by_speaker: False lets one speaker occur on several sides.
        seed: of the search; one seed always gives the same split.
    """

    parts: dict[str, float]
    column: str = "split"
    by_speaker: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        shares = list(self.parts.values())
        if len(shares) < 2 or not all(share > 0 for share in shares):
            raise InputError("a split needs two parts or more, each with a share above 0")
        if abs(sum(shares) - 1) > 1e-6:
            raise InputError(
                f"the shares sum to {sum(shares):g}, not to 1",
                "e.g. --parts train=0.7 dev=0.15 test=0.15",
            )


def folds(number: int) -> dict[str, float]:
    """Equal parts called 0, 1, ...

    Examples:
        >>> folds(2)
        {'0': 0.5, '1': 0.5}
    """
    return {str(fold): 1 / number for fold in range(number)}


def split(clips: Sequence[Clip], plan: SplitPlan) -> list[str]:
    """The part of every clip.

    The search starts from random orders of the units (speakers, or clips), gives each unit to
    the part that stays closest to its shares of clips, of every emotion and of each sex, then
    moves and swaps units while that helps, and keeps the best of several starts.

    Raises:
        InputError: clips without a speaker, or fewer speakers than parts.
    """
    units = _units(clips, plan)
    traits = _traits(clips, list(units.values()))
    shares = np.array(list(plan.parts.values()))
    random = np.random.default_rng(plan.seed)
    found = [_search(traits, shares, random) for _ in range(_RESTARTS if plan.by_speaker else 1)]
    best = min(found, key=lambda parts: _cost(traits, parts, shares))
    names = list(plan.parts)
    assigned = [""] * len(clips)
    for part, rows in zip(best, units.values(), strict=True):
        for row in rows:
            assigned[row] = names[part]
    return assigned


def speakers_on_several_sides(clips: Sequence[Clip], parts: Sequence[str]) -> list[str]:
    """Speakers with clips in more than one part; clips without speaker or part do not count."""
    sides: dict[str, set[str]] = defaultdict(set)
    for clip, part in zip(clips, parts, strict=True):
        if clip.speaker and part:
            sides[clip.fields["speaker"]].add(part)
    return sorted(speaker for speaker, seen in sides.items() if len(seen) > 1)


def _units(clips: Sequence[Clip], plan: SplitPlan) -> dict[Hashable, list[int]]:
    """What stays together -> its clips."""
    if not plan.by_speaker:
        rows: dict[Hashable, list[int]] = {row: [row] for row in range(len(clips))}
    else:
        nameless = [clip.name for clip in clips if not clip.speaker]
        if nameless:
            raise InputError(
                f"{len(nameless)} clips have no speaker, e.g. {nameless[0]}",
                "add a column 'speaker' to manifest.csv; --by clip splits without, and then the "
                "test may hear voices that the training heard",
            )
        rows = defaultdict(list)
        for row, clip in enumerate(clips):
            rows[clip.speaker].append(row)
    if len(rows) < len(plan.parts):
        kind = "speakers" if plan.by_speaker else "clips"
        raise InputError(
            f"{len(rows)} {kind} cannot be divided into {len(plan.parts)} parts",
            "ask for fewer parts",
        )
    return dict(sorted(rows.items(), key=lambda item: str(item[0])))


def _traits(clips: Sequence[Clip], units: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """(units, traits) clips in all, of each emotion, of each sex: each trait's sum is 1."""
    columns = [np.ones(len(clips))]
    for values in ([clip.fields.get("emotion", "") for clip in clips], list(map(_sex, clips))):
        columns += [
            np.array([value == known for value in values], float)
            for known in sorted(set(values) - {""})
        ]
    per_clip = np.stack(columns, axis=1)
    table = np.array([per_clip[list(rows)].sum(axis=0) for rows in units])
    normalised: NDArray[np.float64] = table / table.sum(axis=0)
    return normalised


def _sex(clip: Clip) -> str:
    stated = (clip.fields.get("sex") or clip.fields.get("gender") or "").strip()
    return SEXES.get(stated.lower(), stated)


def _sums(traits: NDArray[np.float64], parts: NDArray[np.intp], number: int) -> NDArray[np.float64]:
    """(parts, traits) what each part holds."""
    sums = np.zeros((number, traits.shape[1]))
    np.add.at(sums, parts, traits)
    return sums


def _cost(
    traits: NDArray[np.float64], parts: NDArray[np.intp], shares: NDArray[np.float64]
) -> float:
    return float(((_sums(traits, parts, len(shares)) - shares[:, None]) ** 2).sum())


def _search(
    traits: NDArray[np.float64], shares: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.intp]:
    """(units,) a part for each unit, none left empty."""
    parts = _greedy(traits, shares, random)
    sums = _sums(traits, parts, len(shares))
    improved = True
    while improved:
        improved = False
        for unit in random.permutation(len(traits)):
            improved |= _move(unit, traits, parts, sums, shares)
        if len(traits) <= 200:  # pairs of clips are too many, and singles balance them already
            for one in range(len(traits)):
                for other in range(one):
                    improved |= _swap(one, other, traits, parts, sums, shares)
    return parts


def _greedy(
    traits: NDArray[np.float64], shares: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.intp]:
    parts = np.zeros(len(traits), np.intp)
    sums = np.zeros((len(shares), traits.shape[1]))
    order = random.permutation(len(traits))
    for place, unit in enumerate(order):
        # The first units fill every part once, so that none stays empty.
        part = place if place < len(shares) else _best_part(traits[unit], sums, shares)
        parts[unit] = part
        sums[part] += traits[unit]
    return parts


def _best_part(
    unit: NDArray[np.float64], sums: NDArray[np.float64], shares: NDArray[np.float64]
) -> int:
    """Where the squared distance to the shares grows least."""
    lack = sums - shares[:, None]
    return int(np.argmin(((lack + unit) ** 2 - lack**2).sum(axis=1)))


def _move(
    unit: int, traits: NDArray[np.float64], parts: NDArray[np.intp],
    sums: NDArray[np.float64], shares: NDArray[np.float64],
) -> bool:  # fmt: skip
    home = parts[unit]
    if (parts == home).sum() == 1:
        return False
    sums[home] -= traits[unit]
    lack = sums - shares[:, None]
    growth = ((lack + traits[unit]) ** 2 - lack**2).sum(axis=1)
    best = int(np.argmin(growth))
    moved = bool(growth[best] < growth[home] - 1e-12)
    parts[unit] = best if moved else home
    sums[parts[unit]] += traits[unit]
    return moved


def _swap(
    one: int, other: int, traits: NDArray[np.float64], parts: NDArray[np.intp],
    sums: NDArray[np.float64], shares: NDArray[np.float64],
) -> bool:  # fmt: skip
    here, there = parts[one], parts[other]
    if here == there:
        return False
    change = traits[other] - traits[one]
    lacks = sums[[here, there]] - shares[[here, there], None]
    before = (lacks**2).sum()
    after = ((lacks + np.stack([change, -change])) ** 2).sum()
    if after >= before - 1e-12:
        return False
    parts[one], parts[other] = there, here
    sums[here] += change
    sums[there] -= change
    return True
