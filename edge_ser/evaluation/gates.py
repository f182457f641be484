"""Limits that an evaluation must keep: a file of them, judged in the order of the suite.

Correctness comes first: robustness of a model that is wrong is worth nothing, so a report whose
correctness gates fail says so before anything else.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_ser.errors import InputError

_EXAMPLE = '[{"figure": "consistency.arousal.high", "least": 0.75}]'


@dataclass(frozen=True)
class Gate:
    """One limit.

    Attributes:
        figure: a name of the flat table, e.g. `auc.mean` or `robustness.small.arousal`.
        least, most: bounds, either may be None.
    """

    figure: str
    least: float | None = None
    most: float | None = None

    def failure(self, value: float) -> str | None:
        """Why a value fails, or None."""
        if math.isnan(value):
            return f"{self.figure} could not be measured on these clips"
        if self.least is not None and value < self.least:
            return f"{self.figure} is {value:.4g}, must be at least {self.least:g}"
        if self.most is not None and value > self.most:
            return f"{self.figure} is {value:.4g}, must be at most {self.most:g}"
        return None


STANDARD = (
    Gate("auc.mean", least=0.7),
    Gate("consistency.arousal.high", least=0.75),
    Gate("consistency.arousal.low", least=0.75),
    Gate("robustness.small.arousal", least=0.95),
    Gate("robustness.small.dominance", least=0.95),
    Gate("robustness.small.valence", least=0.95),
    Gate("robustness.background.arousal", least=0.80),
)
"""Of `--gate`: what a model says where the clips name emotions, then how steadily it says it."""


def read_gates(file: Path) -> tuple[Gate, ...]:
    """Gates of a file.

    Args:
        file: JSON, a list of {"figure", "least" and/or "most"}; or `.toml` with the same keys in
            tables named `[[gate]]`.

    Raises:
        InputError: no such file, neither of the two, or not such a list.
    """
    try:
        rows = _rows(file)
    except OSError as error:
        raise InputError(f"no gates file {file}: {error.strerror}", f"write {_EXAMPLE}") from error
    except ValueError as error:
        raise InputError(f"{file} cannot be read: {error}", f"write {_EXAMPLE}") from error
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{file} holds no list of gates", f"write {_EXAMPLE}")
    return tuple(_gate(row, file) for row in rows)


def _rows(file: Path) -> Any:
    text = file.read_text(encoding="utf-8")
    return tomllib.loads(text).get("gate") if file.suffix == ".toml" else json.loads(text)


def _gate(row: Any, file: Path) -> Gate:
    known = {"figure", "least", "most"}
    if not isinstance(row, dict) or not isinstance(row.get("figure"), str) or set(row) - known:
        raise InputError(f"{file}: {row!r} is not a gate", f"write {_EXAMPLE}")
    bounds = {key: row[key] for key in ("least", "most") if key in row}
    fit = all(isinstance(b, int | float) and not isinstance(b, bool) for b in bounds.values())
    if not bounds or not fit:
        raise InputError(
            f"{file}: the gate {row['figure']} needs a number as least, most or both",
            f"write {_EXAMPLE}",
        )
    return Gate(row["figure"], **bounds)


def judge(gates: Sequence[Gate], figures: Mapping[str, float]) -> list[str]:
    """Why gates fail, correctness first, else in their order; nothing when all are kept.

    Args:
        gates: limits.
        figures: the flat table of a report.

    Raises:
        InputError: a gate names a figure that the report does not have.
    """
    failures = []
    for gate in sorted(gates, key=_is_of_robustness):
        if gate.figure not in figures:
            raise InputError(
                f"the report has no figure {gate.figure!r}",
                f"it has: {', '.join(sorted(figures))}",
            )
        failure = gate.failure(figures[gate.figure])
        if failure:
            failures.append(failure)
    return failures


def _is_of_robustness(gate: Gate) -> bool:
    return gate.figure.startswith("robustness.")
