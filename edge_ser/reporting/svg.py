"""Pictures as SVG that follow the page's light or dark theme.

Text and lines take the page's text colour; marks are mid-tones that both themes show.
Needs matplotlib.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""

POINT = "#3b82c4"
"""Of marks: the model that the page is about."""

OTHER = "#c07b2b"
"""Of marks that it is compared with."""

_SETTINGS: Any = {
    "svg.hashsalt": "edge-ser",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def pictures_can_be_drawn() -> bool:
    """Whether matplotlib is installed; a page without pictures is better than none."""
    return importlib.util.find_spec("matplotlib") is not None


@contextmanager
def themed() -> Iterator[None]:
    """Figures made and written within the block carry the page's theme."""
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        yield


def to_svg(figure: Figure) -> str:
    """The `<svg>` element of a figure made within `themed`; equal figures give equal text."""
    buffer = io.StringIO()
    figure.savefig(
        buffer,
        format="svg",
        transparent=True,
        dpi=150,
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
    )
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace(INK, "currentColor")
