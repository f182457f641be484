"""The report's pictures: small panels of scatter and histogram.

Needs matplotlib; without it a report has no pictures and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_ser.reporting.svg import INK, POINT, themed, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (3.4, 2.7)


def scatter(reference: NDArray[np.float64], values: NDArray[np.float64], labels: list[str]) -> str:
    """Predictions of a step over those of the reference, with the line of equality.

    Args:
        reference, values: (clips,), no NaN.
        labels: of the x and y axis.
    """
    with themed():
        figure, axes = _panel(labels)
        low = float(min(reference.min(), values.min()))
        high = float(max(reference.max(), values.max()))
        margin = 0.05 * (high - low) or 0.05
        span = (low - margin, high + margin)
        axes.plot(span, span, color=INK, linewidth=0.6, alpha=0.5)
        # Thousands of vector points would make the page slow to open on a phone.
        axes.scatter(reference, values, s=9, color=POINT, alpha=0.6, linewidths=0, rasterized=True)
        axes.set_xlim(span)
        axes.set_ylim(span)
        return to_svg(figure)


def histogram(errors: NDArray[np.float64], limit: float | None, label: str) -> str:
    """Distribution of signed errors; dashed lines at plus and minus `limit` when they fit.

    Args:
        errors: (clips,) step minus reference.
        limit: the gate's largest error, or None.
        label: of the x axis.
    """
    with themed():
        figure, axes = _panel([label, "clips"])
        reach = float(np.abs(errors).max()) * 1.1 or 1e-6
        axes.hist(errors, bins=41, range=(-reach, reach), color=POINT)
        axes.axvline(0, color=INK, linewidth=0.6, alpha=0.5)
        if limit is not None and limit < reach * 3:
            for edge in (-limit, limit):
                axes.axvline(edge, color=INK, linewidth=0.8, linestyle="--", alpha=0.7)
        axes.locator_params(axis="x", nbins=5)
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
        return to_svg(figure)


def _panel(labels: list[str]) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
