"""An examination in words, for a terminal, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edge_ser.datasets.examine import UNITS, Examination
from edge_ser.datasets.leakage import Guess, Leak

_ADVICE = {
    "level": "give every clip a random gain or the same level, in training and in the test",
    "duration": "cut all clips to one length (not longer than the shortest class), "
    "in training and in the test",
}
_DIRECTIONS = {"level": ("louder", "quieter"), "duration": ("longer", "shorter")}
_MARGIN = 0.05
"""How far above chance traits alone must name the class to be worth a warning."""


def render(found: Examination) -> str:
    """The table by class, the leaks with a sentence each, and what else is wrong."""
    lines = (
        _table(found) if found.classes else [f"no clip has a value in the column {found.column}"]
    )
    for leak in found.leaks:
        lines += ["", *_leak(leak, found.column)]
    if found.guess:
        lines += ["", _guess(found.guess, found.column)]
    for column, speakers in found.overlap.items():
        lines += ["", _overlap(column, speakers)]
    if found.unreadable:
        lines += ["", f"{len(found.unreadable)} files cannot be read:"]
        lines += [f"  {reason}" for reason in found.unreadable[:10]]
    return "\n".join(lines)


def to_json(found: Examination) -> dict[str, Any]:
    """All figures, with each leak's verdict."""
    result = asdict(found)
    for leak, figures in zip(found.leaks, result["leaks"], strict=True):
        figures["leaks"] = leak.leaks
    return result


def _table(found: Examination) -> list[str]:
    width = max(len(found.column), *(len(name) for name in found.classes))
    lines = [
        f"{found.column:<{width}}  clips speakers"
        "     level dBFS (min..max)      duration s (min..max)"
    ]
    for name, row in found.classes.items():
        level, duration = row["level"], row["duration"]
        lines.append(
            f"{name:<{width}}  {row['clips']:>5} {row['speakers']:>8}  "
            f"{level['mean']:6.1f} ±{level['std']:4.1f} ({level['min']:.1f}..{level['max']:.1f})  "
            f"{duration['mean']:6.2f} ±{duration['std']:5.2f} "
            f"({duration['min']:.2f}..{duration['max']:.2f})"
        )
    return lines


def _leak(leak: Leak, column: str) -> list[str]:
    strongest = max(leak.auc, key=lambda name: abs(leak.auc[name] - 0.5))
    figures = (
        f"{leak.trait} against {column}: eta² {leak.eta_squared:.2f} (p {leak.chance:.3f}); "
        f"strongest: {strongest} against the rest, AUC {leak.auc[strongest]:.2f}"
    )
    if not leak.leaks:
        return [figures, f"  {leak.trait} does not give the {column} away by itself."]
    more, less = _DIRECTIONS[leak.trait]
    direction = more if leak.auc[strongest] > 0.5 else less
    return [
        figures,
        f"  WARNING: {leak.trait} ({UNITS[leak.trait]}) leaks the {column}: clips of {strongest} "
        f"are {direction} than the others. A model can score well by it without hearing emotion.",
        f"  To do: {_ADVICE[leak.trait]}.",
    ]


def _guess(guess: Guess, column: str) -> str:
    text = (
        f"level and duration alone name the {column} of an unheard speaker with a balanced "
        f"accuracy of {guess.recall:.2f}; guessing gives {guess.by_chance:.2f}"
    )
    if guess.recall > guess.by_chance + _MARGIN:
        return (
            f"{text}.\n  WARNING: compare every result on this corpus with "
            f"{guess.recall:.2f}, not with chance."
        )
    return f"{text}."


def _overlap(column: str, speakers: list[str]) -> str:
    if not speakers:
        return f"column {column}: no speaker is on two sides"
    shown = ", ".join(speakers[:10]) + (", ..." if len(speakers) > 10 else "")
    return (
        f"WARNING: column {column} puts {len(speakers)} speakers on several sides: {shown}. "
        "A test on them measures how well voices are remembered."
    )
