"""Level and duration by class as a picture: boxes beside each other show what leaks."""

from __future__ import annotations

from pathlib import Path

from edge_ser.datasets.examine import TRAITS, UNITS, Measured
from edge_ser.errors import EnvironmentMissing


def plot(measured: Measured, column: str, out: Path) -> None:
    """Write a PNG or SVG with one panel for each trait, one box for each class.

    Raises:
        EnvironmentMissing: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise EnvironmentMissing(
            f"--plot draws with matplotlib: {error}", "pip install 'edge-ser[train]'"
        ) from error
    labels = [clip.fields.get(column, "") for clip in measured.clips]
    classes = sorted(set(labels) - {""})
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axis, (panel, trait) in enumerate(
        zip(figure.subplots(1, len(TRAITS)), TRAITS, strict=True)
    ):
        values = [
            [row[axis] for row, label in zip(measured.traits, labels, strict=True) if label == name]
            for name in classes
        ]
        panel.boxplot(values, tick_labels=classes)
        panel.set_ylabel(f"{trait} ({UNITS[trait]})")
        panel.tick_params(axis="x", rotation=45)
        panel.grid(axis="y", alpha=0.3)
    figure.savefig(out, dpi=120)
