"""Keep the tables of docs/MODEL_CARD.md equal to the cards of the shipped weights.

`python -m edge_ser.evaluation.model_card docs/MODEL_CARD.md` rewrites what stands between the
markers; a test fails when they differ. The prose around them is written by people.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from edge_ser.checkpoint import read_card
from edge_ser.models import shipped

STUDENTS = ("wav2small", "wav2small-17k")

_BLOCK = re.compile(r"(<!-- figures -->\n).*(<!-- end of figures -->)", re.DOTALL)


def with_current_figures(text: str) -> str:
    """The document with the tables of today's cards.

    Raises:
        ValueError: the document has no markers.
    """
    if not _BLOCK.search(text):
        raise ValueError("the document has no <!-- figures --> ... <!-- end of figures --> block")
    return _BLOCK.sub(lambda match: match[1] + figures() + match[2], text)


def figures() -> str:
    """All tables, as Markdown."""
    parts = ["### Teacher\n", *_teacher_tables(read_card(shipped("teacher.safetensors")))]
    for name in STUDENTS:
        parts += [f"### Student `{name}`\n", *_student_tables(read_card(_weights(name)))]
    return "\n".join(parts) + "\n"


def _weights(student: str) -> Path:
    return shipped(f"{student}.safetensors")


def _teacher_tables(card: dict[str, Any]) -> list[str]:
    parts = [f"{card['parameters']:,} parameters. Made by `{card['command']}`.\n"]
    for name, comparison in card["metrics"].items():
        if "teacher" not in comparison:
            continue
        header = f"{name}, {comparison['clips']} clips, {comparison['speakers']} speakers"
        rows = [
            [metric, _interval(figure), _interval(comparison["baseline"][metric])]
            for metric, figure in comparison["teacher"].items()
        ]
        parts.append(_table([header, "teacher", "83 K baseline"], rows))
    spread = card["metrics"].get("seeds_of_first_fold")
    if spread:
        speakers = " and ".join(spread["held_out"])
        rows = [
            [metric, *(f"{seed[metric]:.3f}" for seed in spread["seeds"]), f"{deviation:.3f}"]
            for metric, deviation in spread["standard_deviation"].items()
        ]
        seeds = [f"seed {number}" for number in range(len(spread["seeds"]))]
        parts.append(_table([f"fold without {speakers}", *seeds, "SD"], rows))
    return parts


def _student_tables(card: dict[str, Any]) -> list[str]:
    parts = [f"{card['parameters']:,} parameters. Made by `{card['command']}`.\n"]
    for name, report in card["metrics"].items():
        if "to_teacher" not in report:
            continue
        header = f"{name}, {report['clips']} clips, {report['speakers']} speakers"
        rows = [
            [dimension, _interval(figure["ccc"]), f"{figure['pcc']:.3f}", f"{figure['mae']:.3f}"]
            for dimension, figure in report["to_teacher"].items()
        ]
        parts.append(_table([header, "CCC to the teacher", "PCC", "MAE"], rows))
        if "auc_model" in report:
            rows = [
                [pair, _interval(figure), _interval(report["auc_teacher"][pair])]
                for pair, figure in report["auc_model"].items()
            ]
            parts.append(_table([f"{name}, AUC", "student", "its teacher"], rows))
    return parts


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(with_current_figures(document.read_text()))
