"""Room above the observed activations for louder or stranger speech than calibration heard.

Min-max over a few dozen clips fits typical speech; a single very expressive clip beyond it
saturates layer after layer (an EMO-DB clip reached 1.7 times the range of one layer, and its
valence moved by 0.024). An int8 step is fine enough to spend a part of the range on safety:
docs/CALIBRATION.md has the table of factors. The front-end's range is not widened, because its
values are bounded below by the log floor and above by the level normalisation.
"""

from __future__ import annotations

HEADROOM = 1.5
"""Factor on both ends of every range but the front-end's."""

_BOUNDED = "frontend"


def with_headroom(
    ranges: dict[str, tuple[float, float]], factor: float = HEADROOM
) -> dict[str, tuple[float, float]]:
    """Widened ranges.

    Examples:
        >>> with_headroom({"frontend": (-1.5, 2.0), "backbone.trunk.pool": (0.0, 4.0)})
        {'frontend': (-1.5, 2.0), 'backbone.trunk.pool': (0.0, 6.0)}
    """
    return {
        name: (low, high) if name == _BOUNDED else (low * factor, high * factor)
        for name, (low, high) in ranges.items()
    }
