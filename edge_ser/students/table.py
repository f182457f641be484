"""What the students are worth, side by side: a row per student from its card and its bundle.

Rows of students whose weights ship are read from what ships. The others' rows stand in
`results.json`, written by `edge-ser students --record` from a checkpoint whose card holds the
figures of `edge-ser evaluate --record-in`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.bundle import open_bundle
from edge_ser.bundle.manifest import Manifest
from edge_ser.checkpoint import read_card, sha256_of
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.models import shipped

RESULTS = Path(__file__).with_name("results.json")
EVALUATION = "nemo_dev"
"""Under this name `edge-ser evaluate --as` puts the figures into a card."""

_SCHEMA = 1
_INT8_FILES = ("model.int8.onnx", "model.int8.tflite")


@dataclass(frozen=True)
class Row:
    """One student.

    Attributes:
        student: name.
        parameters: with the front-end's.
        mmac_per_second: of audio, in a clip of 5 s.
        teacher: its id and weights' SHA-256; empty, like the next two, where it is untrained.
        command: that trained it.
        weights_sha256: of the checkpoint.
        to_teacher: dimension -> CCC on the evaluation's clips, {"value", "low", "high"}; empty
            where the card has no such evaluation.
        auc: pair -> AUC likewise.
        auc_teacher: the teacher's.
        clips: of the evaluation.
        int8_bytes: model file -> size; empty where no bundle was at hand.
        drift: step -> worst CCC, MAE and largest error against the float checkpoint.
        drift_passed: the gate's verdict; None where no bundle was at hand.
    """

    student: str
    parameters: int
    mmac_per_second: float
    teacher: dict[str, str]
    command: str
    weights_sha256: str
    to_teacher: dict[str, dict[str, float]]
    auc: dict[str, dict[str, float]]
    auc_teacher: dict[str, dict[str, float]]
    clips: int
    int8_bytes: dict[str, int]
    drift: dict[str, dict[str, float]]
    drift_passed: bool | None


def row_of(card: dict[str, Any], manifest: Manifest | None) -> Row:
    """A row from a student's card and the manifest of its bundle.

    Raises:
        InputError: the bundle was exported from another checkpoint.
    """
    if manifest and manifest.student.checkpoint_sha256 != card["weights_sha256"]:
        raise InputError(
            f"the bundle was exported from weights {manifest.student.checkpoint_sha256[:12]}..., "
            f"the checkpoint has {card['weights_sha256'][:12]}...",
            "export the checkpoint again, or name its own bundle",
        )
    evaluation = card.get("metrics", {}).get(EVALUATION, {})
    compared = evaluation.get("to_teacher", {})
    drift = manifest.drift if manifest else {}
    return Row(
        student=card["student"],
        parameters=card["parameters"],
        mmac_per_second=round(card["macs_per_5s"] / 5e6, 2),
        teacher={key: card["teacher"][key] for key in ("id", "weights_sha256")},
        command=card["command"],
        weights_sha256=card["weights_sha256"],
        to_teacher={dimension: compared[dimension]["ccc"] for dimension in compared},
        auc=evaluation.get("auc_model", {}),
        auc_teacher=evaluation.get("auc_teacher", {}),
        clips=evaluation.get("clips", 0),
        int8_bytes=_sizes(manifest),
        drift={step: _worst(figures) for step, figures in drift.get("steps", {}).items()},
        drift_passed=drift.get("passed"),
    )


def _sizes(manifest: Manifest | None) -> dict[str, int]:
    if manifest is None:
        return {}
    return {name: manifest.files[name].bytes for name in _INT8_FILES if name in manifest.files}


def _worst(figures: dict[str, Any]) -> dict[str, float]:
    return {
        "ccc": round(min(figures["ccc"].values()), 5),
        "mae": round(figures["mae"], 5),
        "max": round(figures["max"], 5),
    }


def record(checkpoint: Path, bundle: Path, results: Path = RESULTS) -> Row:
    """Add a student's row to the results, or replace the one it has.

    Args:
        checkpoint: its weights, the card beside them.
        bundle: exported from them.
        results: JSON to write.

    Raises:
        InputError: not a student's checkpoint, or another one's bundle.
        BundleRefused: a damaged bundle.
    """
    card = read_card(checkpoint)
    if card.get("kind") != "student":
        raise InputError(f"{checkpoint} holds a {card.get('kind')}, not a student")
    with open_bundle(bundle) as opened:
        row = row_of(card, opened.manifest)
    rows = {known.student: known for known in read_results(results)} if results.is_file() else {}
    rows[row.student] = row
    values = {"schema": _SCHEMA, "rows": [asdict(each) for each in rows.values()]}
    results.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return row


def read_results(path: Path = RESULTS) -> list[Row]:
    """The recorded rows.

    Raises:
        InputError: missing, damaged, or of another schema.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != _SCHEMA:
            raise InputError(
                f"{path} has schema {values['schema']!r}; this version reads {_SCHEMA}"
            )
        return [Row(**row) for row in values["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} holds no results of students: {error!r:.200}",
            "make them: edge-ser students --record CHECKPOINT --bundle BUNDLE",
        ) from error


def all_rows(order: list[str], results: Path = RESULTS) -> list[Row]:
    """Rows of all students, shipped, recorded or only counted, in an order of names.

    What ships goes before what was recorded, as far as it says the same: the sizes of a student
    without a shipped bundle are taken from its record if that is of the same weights.
    """
    recorded = {row.student: row for row in read_results(results)}
    return [_shipped_row(name, recorded.get(name)) or counted_row(name) for name in order]


def counted_row(name: str) -> Row:
    """A student that nobody has evaluated yet: what can be counted on the network itself."""
    from edge_ser.students.catalogue import build_student
    from edge_ser.students.cost import multiply_accumulates, parameter_count

    student = build_student(name)
    macs = multiply_accumulates(student, 5 * student.config.frontend.sample_rate)
    return Row(
        student=name,
        parameters=parameter_count(student),
        mmac_per_second=round(macs / 5e6, 2),
        teacher={},
        command="",
        weights_sha256="",
        to_teacher={},
        auc={},
        auc_teacher={},
        clips=0,
        int8_bytes={},
        drift={},
        drift_passed=None,
    )


def _shipped_row(name: str, recorded: Row | None) -> Row | None:
    try:
        weights = shipped(f"{name}.safetensors")
    except EnvironmentMissing:
        return recorded
    if recorded and recorded.weights_sha256 == sha256_of(weights):
        return recorded
    return row_of(read_card(weights), _shipped_manifest(name))


def _shipped_manifest(name: str) -> Manifest | None:
    with open_bundle(shipped("bundle")) as bundle:
        return bundle.manifest if bundle.manifest.student.name == name else None


def mean_ccc(row: Row) -> float | None:
    """Over the three dimensions; None where the student was not evaluated."""
    values = [row.to_teacher[name]["value"] for name in DIMENSIONS if name in row.to_teacher]
    return sum(values) / len(values) if values else None
