"""The report's two pictures as SVG files: risk against coverage, and the reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_ser import DIMENSIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SETTINGS: Any = {
    "svg.hashsalt": "edge-ser",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
}
_INCHES = (9.6, 3.1)
_COLOURS = ("#3b82c4", "#c4683b")


def risk_coverage(judged: Sequence[tuple[str, dict[str, Any]]], path: Path) -> None:
    """Mean absolute error of the most confident readings over the share that is kept.

    Args:
        judged: legend and what `study.judge` gave; the first one also with its oracle and chance.
        path: of the SVG.
    """
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        figure, panels = _panels("share of readings kept", "mean absolute error")
        for axes, dimension in zip(panels, DIMENSIONS, strict=True):
            own = judged[0][1]["dimensions"][dimension]
            axes.axhline(own["mae"], color="grey", linestyle=":", label="chance")
            axes.plot(
                *_points(own["risk_oracle"]),
                color="grey",
                linestyle="--",
                label="oracle",
            )
            for (legend, result), colour in zip(judged, _COLOURS, strict=False):
                points = _points(result["dimensions"][dimension]["risk"])
                axes.plot(*points, color=colour, label=legend)
            axes.set_title(dimension)
            axes.set_ylim(bottom=0)
        panels[0].legend(frameon=False, loc="upper left", fontsize=8)
        _write(figure, path)


def reliability(judged: Sequence[tuple[str, dict[str, Any]]], path: Path) -> None:
    """Share of right readings over confidence, in bins of equal size; see `risk_coverage`."""
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        figure, panels = _panels("confidence", "share within the tolerance")
        for axes, dimension in zip(panels, DIMENSIONS, strict=True):
            axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
            for (legend, result), colour in zip(judged, _COLOURS, strict=False):
                parts = result["dimensions"][dimension]["bins"]
                confidence = [part["confidence"] for part in parts]
                right = [part["right"] for part in parts]
                axes.plot(confidence, right, "o-", markersize=4, color=colour, label=legend)
            axes.set_title(dimension)
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
        panels[0].legend(frameon=False, loc="upper left", fontsize=8)
        _write(figure, path)


def _points(risk: dict[str, float]) -> tuple[list[float], list[float]]:
    return [float(share) for share in risk], list(risk.values())


def _panels(x: str, y: str) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    panels = [figure.add_subplot(1, 3, position) for position in (1, 2, 3)]
    for axes in panels:
        axes.set_xlabel(x)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(y)
    return figure, panels


def _write(figure: Figure, path: Path) -> None:
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(path, format="svg", metadata=nothing)
