"""Checkpoints on disk: `NAME.safetensors` with the weights, `NAME.json` beside it, the card.

The card holds what the weights cannot say: architecture, front-end, data, licences, seed,
command and metrics. Never pickle.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_ser.errors import InputError
from edge_ser.frontend.spec import FrontEndSpec

if TYPE_CHECKING:
    from torch import Tensor

    from edge_ser.students.student import Student

CARD_SCHEMA = 1


def card_path(weights: Path) -> Path:
    """The JSON card that belongs to a weights file."""
    return weights.with_suffix(".json")


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_weights_name(path: Path) -> None:
    """Refuse a file to write that is not called `NAME.safetensors`, before any work.

    The card goes to the same name with `.json`: writing `NAME.json` itself, or a suffix that
    belongs to another kind of file, would destroy what is there.

    Raises:
        InputError: another suffix, or a folder of that name.
    """
    if path.suffix != ".safetensors":
        raise InputError(
            f"{path} is no name for weights",
            "weights are written as NAME.safetensors, e.g. my/wav2small.safetensors",
        )
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name a file that ends in .safetensors")


def save_weights(path: Path, tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Write weights and card, each file whole or not at all.

    A kill between the two leaves a card of other weights, which `read_card` refuses.

    Args:
        path: ends in `.safetensors`.
        tensors: the state dict.
        card: JSON values; the schema version and the weights' SHA-256 are added.

    Raises:
        InputError: the file is not called `NAME.safetensors`.
    """
    from safetensors.torch import save_file

    check_weights_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
    partial.chmod(0o644)  # safetensors writes files that only their owner can read
    full = {"schema": CARD_SCHEMA, **card, "weights_sha256": sha256_of(partial)}
    partial.replace(path)
    _write_card(path, full)


def record_metric(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Add measured figures to the card of an existing checkpoint, under `metrics`.

    Raises:
        InputError: no such checkpoint.
    """
    card = read_card(path)
    card["metrics"] = {**card.get("metrics", {}), name: figures}
    _write_card(path, card)


def _write_card(path: Path, card: dict[str, Any]) -> None:
    partial = path.with_suffix(".json.partial")
    partial.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    partial.replace(card_path(path))


def read_card(path: Path) -> dict[str, Any]:
    """The card of a weights file, checked against the weights.

    Raises:
        InputError: either file is missing, the card is of another schema or of other weights.
    """
    card_file = card_path(path)
    for needed in (path, card_file):
        if not needed.is_file():
            raise InputError(
                f"no checkpoint file {needed}",
                "a checkpoint is NAME.safetensors with its card NAME.json beside it",
            )
    try:
        card: dict[str, Any] = json.loads(card_file.read_text())
    except ValueError as error:
        raise InputError(f"{card_file} is not JSON: {error}") from error
    if card.get("schema") != CARD_SCHEMA:
        raise InputError(
            f"{card_file} has schema {card.get('schema')!r}; this version reads {CARD_SCHEMA}"
        )
    if card.get("weights_sha256") != sha256_of(path):
        raise InputError(
            f"{card_file} belongs to other weights than {path}",
            "copy both files of the checkpoint again",
        )
    return card


def load_student(path: Path) -> tuple[Student, dict[str, Any]]:
    """A student ready for inference and its card.

    Raises:
        InputError: not a student's checkpoint, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from edge_ser.students.catalogue import build_student

    card = read_card(path)
    if card.get("kind") != "student":
        raise InputError(f"{path} holds a {card.get('kind')}, not a student")
    if not {"student", "frontend"} <= set(card):
        raise InputError(f"{card_path(path)} lacks 'student' or 'frontend'")
    student = build_student(card["student"], FrontEndSpec.from_dict(card["frontend"]))
    try:
        student.load_state_dict(load_file(path))
    except (RuntimeError, ValueError, SafetensorError) as error:
        raise InputError(f"{path} does not fit {card['student']}: {error}") from error
    return student.eval(), card
