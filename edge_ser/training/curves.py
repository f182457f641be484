"""The learning curve as a picture, beside its CSV."""

from __future__ import annotations

import csv
from pathlib import Path


def plot_curve(curve: Path) -> Path:
    """Draw `curve.csv` (step, loss, further figures) as `curve.png` beside it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with curve.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    steps = [row["step"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(steps, [row["loss"] for row in rows])
    left.set(title="training loss (1 - CCC + L1)", xlabel="step", yscale="log")
    for name in rows[0]:
        if name.startswith("ccc_"):
            right.plot(steps, [row[name] for row in rows], label=name.removeprefix("ccc_"))
    right.set(title="CCC to the teacher, speakers not trained on", xlabel="step", ylim=(0, 1))
    if right.lines:
        right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    picture = curve.with_suffix(".png")
    figure.savefig(picture, dpi=110)
    plt.close(figure)
    return picture
