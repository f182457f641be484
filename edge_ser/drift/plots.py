"""The report's pictures: small SVG panels that follow the page's light or dark theme.

Text and lines take the page's text colour; points are one mid-tone that both themes show.
Needs matplotlib; without it a report has no pictures and says so.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""

_POINT = "#3b82c4"
_INCHES = (3.4, 2.7)
_SETTINGS: Any = {
    "svg.hashsalt": "edge-ser",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def scatter(reference: NDArray[np.float64], values: NDArray[np.float64], labels: list[str]) -> str:
    """Predictions of a step over those of the reference, with the line of equality.

    Args:
        reference, values: (clips,), no NaN.
        labels: of the x and y axis.
    """
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        figure, axes = _panel(labels)
        low = float(min(reference.min(), values.min()))
        high = float(max(reference.max(), values.max()))
        margin = 0.05 * (high - low) or 0.05
        span = (low - margin, high + margin)
        axes.plot(span, span, color=_INK, linewidth=0.6, alpha=0.5)
        # Thousands of vector points would make the page slow to open on a phone.
        axes.scatter(reference, values, s=9, color=_POINT, alpha=0.6, linewidths=0, rasterized=True)
        axes.set_xlim(span)
        axes.set_ylim(span)
        return _svg(figure)


def histogram(errors: NDArray[np.float64], limit: float | None, label: str) -> str:
    """Distribution of signed errors; dashed lines at plus and minus `limit` when they fit.

    Args:
        errors: (clips,) step minus reference.
        limit: the gate's largest error, or None.
        label: of the x axis.
    """
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        figure, axes = _panel([label, "clips"])
        reach = float(np.abs(errors).max()) * 1.1 or 1e-6
        axes.hist(errors, bins=41, range=(-reach, reach), color=_POINT)
        axes.axvline(0, color=_INK, linewidth=0.6, alpha=0.5)
        if limit is not None and limit < reach * 3:
            for edge in (-limit, limit):
                axes.axvline(edge, color=_INK, linewidth=0.8, linestyle="--", alpha=0.7)
        axes.locator_params(axis="x", nbins=5)
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
        return _svg(figure)


def _panel(labels: list[str]) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(
        buffer,
        format="svg",
        transparent=True,
        dpi=150,
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
    )
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace(_INK, "currentColor")
