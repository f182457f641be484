"""The evaluation report's pictures: classes against their ranges, robustness, speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.evaluation.consistency import EXPECTED
from edge_ser.reporting.svg import INK, OTHER, POINT, themed, to_svg

_PANEL_INCHES = (3.4, 2.9)
_ROW_INCHES = 0.2
_MOST_NAMES = 25
"""Speakers that have a line of their own on the picture's axis."""


def classes(values: NDArray[np.float32], emotions: Sequence[str], dimension: str) -> str:
    """Distribution of a dimension in each class, and the range where the class belongs.

    Args:
        values: (clips,) predictions of the dimension.
        emotions: (clips,).
        dimension: one of A/D/V.
    """
    labels = np.array(emotions)
    names = [name for name in sorted(set(emotions)) if name]
    from matplotlib.figure import Figure

    with themed():
        figure = Figure(figsize=_PANEL_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        for row, name in enumerate(names):
            expected = EXPECTED[dimension].get(name)
            if expected is not None:
                low, high = max(expected.lowest, -0.2), min(expected.highest, 1.2)
                axes.barh(row, high - low, left=low, height=0.9, color=POINT, alpha=0.15)
        axes.boxplot(
            [values[labels == name] for name in names],
            positions=range(len(names)),
            orientation="horizontal",
            widths=0.5,
            sym="",
            medianprops={"color": POINT, "linewidth": 1.6},
            boxprops={"color": INK},
            whiskerprops={"color": INK},
            capprops={"color": INK},
        )
        axes.set_yticks(range(len(names)), names)
        axes.set_xlim(-0.1, 1.1)
        axes.set_xlabel(dimension)
        axes.spines[["top", "right"]].set_visible(False)
        return to_svg(figure)


def shares(
    names: Sequence[str],
    ours: Sequence[Sequence[float]],
    theirs: Sequence[Sequence[float]],
    least: Sequence[float],
) -> str:
    """Share of unchanged predictions for each perturbation: model, teacher and what is asked.

    Args:
        names: of the perturbations.
        ours, theirs: (perturbations, 3) of model and teacher, NaN where not measured.
        least: (perturbations,) shares that are asked for.
    """
    from matplotlib.figure import Figure

    height = 0.9 + _ROW_INCHES * len(names)
    with themed():
        figure = Figure(figsize=(9.5, height), layout="constrained")
        panels = figure.subplots(1, len(DIMENSIONS), sharey=True)
        rows = np.arange(len(names))
        for axis, (axes, dimension) in enumerate(zip(panels, DIMENSIONS, strict=True)):
            axes.patch.set_alpha(0)
            axes.barh(rows, [row[axis] for row in ours], height=0.7, color=POINT, label="model")
            axes.plot([row[axis] for row in theirs], rows, "o", color=OTHER, markersize=3.5)
            axes.plot(least, rows, "|", color=INK, markersize=8)
            axes.set_xlim(0, 1)
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set_yticks(rows, names, fontsize=7)
            axes.set_title(dimension, fontsize=9)
            axes.spines[["top", "right"]].set_visible(False)
        return to_svg(figure)


def speakers(
    rows: Sequence[Mapping[str, Any]], teacher: Sequence[Mapping[str, Any]], dimension: str
) -> str:
    """Each speaker's mean prediction, ordered, with the mean of all and the teacher's.

    Args:
        rows, teacher: of `breakdown`, of the same speakers.
        dimension: one of A/D/V.
    """
    from matplotlib.figure import Figure

    pairs = sorted(zip(rows, teacher, strict=True), key=lambda pair: pair[0]["mean"][dimension])
    ours, theirs = ([row["mean"][dimension] for row in side] for side in zip(*pairs, strict=True))
    few = len(pairs) <= _MOST_NAMES
    names = [row["group"] if few else "" for row, _ in pairs]
    with themed():
        figure = Figure(figsize=_PANEL_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.plot(ours, range(len(pairs)), "o", color=POINT, markersize=4)
        axes.plot(theirs, range(len(pairs)), "o", color=OTHER, markersize=2)
        axes.axvline(float(np.mean(ours)), color=INK, linewidth=0.6, alpha=0.5)
        axes.set_yticks(range(len(pairs)), names, fontsize=7)
        axes.set_xlim(0, 1)
        axes.set_xlabel(f"mean {dimension}")
        axes.spines[["top", "right"]].set_visible(False)
        return to_svg(figure)
