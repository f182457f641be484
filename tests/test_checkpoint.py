"""Checkpoints: round trip, damage, cards of other weights, and refusals by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from edge_ser.checkpoint import card_path, load_student, read_card, save_weights, sha256_of
from edge_ser.errors import InputError
from edge_ser.frontend import FrontEndSpec
from edge_ser.students.catalogue import STUDENTS, build_student


def card_of(student: str) -> dict[str, Any]:
    """The least a student's card must say."""
    frontend = build_student(student).config.frontend
    return {"kind": "student", "student": student, "frontend": frontend.to_dict()}


def save(path: Path, name: str = "wav2small") -> torch.nn.Module:
    """An untrained student on disk."""
    torch.manual_seed(0)
    student = build_student(name)
    save_weights(path, student.state_dict(), card_of(name))
    return student.eval()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A student's weights file, its card beside it."""
    path = tmp_path / "new folder" / "student.safetensors"
    save(path)
    return path


@pytest.mark.parametrize("name", sorted(STUDENTS))
def test_round_trip_keeps_every_bit(name: str, tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    student = save(path, name)
    loaded, card = load_student(path)
    assert not loaded.training
    assert card["student"] == name
    assert card["weights_sha256"] == sha256_of(path)
    for key, tensor in student.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor), key
    audio = torch.randn(1, 16_000)
    with torch.no_grad():
        assert torch.equal(loaded(audio), student(audio))


def test_no_partial_files_are_left(checkpoint: Path) -> None:
    names = sorted(path.name for path in checkpoint.parent.iterdir())
    assert names == ["student.json", "student.safetensors"]


@pytest.mark.parametrize("name", ["student.json", "student", "notes.txt"])
def test_another_suffix_never_destroys_a_file(name: str, tmp_path: Path) -> None:
    precious = tmp_path / name
    precious.write_text("precious")
    beside = tmp_path / "student.json"
    beside.write_text("precious")
    with pytest.raises(InputError, match="no name for weights") as refusal:
        save(precious)
    assert ".safetensors" in refusal.value.hint
    assert {path.read_text() for path in tmp_path.iterdir()} == {"precious"}


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        save(tmp_path / "w.safetensors")


def test_same_weights_give_same_bytes(checkpoint: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save(again)
    assert again.read_bytes() == checkpoint.read_bytes()


def test_card_is_readable_json_with_its_schema(checkpoint: Path) -> None:
    card = json.loads(card_path(checkpoint).read_text())
    assert card["schema"] == 1
    assert card == read_card(checkpoint)


def truncate(checkpoint: Path) -> None:
    """Cut the weights short."""
    checkpoint.write_bytes(checkpoint.read_bytes()[:1_000])


def flip_a_bit(checkpoint: Path) -> None:
    """Damage one weight."""
    data = bytearray(checkpoint.read_bytes())
    data[-1] ^= 1
    checkpoint.write_bytes(data)


def take_another_card(checkpoint: Path) -> None:
    """A card that belongs to other weights."""
    other = checkpoint.with_name("other.safetensors")
    save(other, "wav2small-17k")
    card_path(other).replace(card_path(checkpoint))


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, take_another_card])
def test_card_and_weights_must_belong_together(
    damage: Callable[[Path], None], checkpoint: Path
) -> None:
    damage(checkpoint)
    with pytest.raises(InputError, match="belongs to other weights") as refusal:
        load_student(checkpoint)
    assert "copy both files" in refusal.value.hint


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(suffix: str, checkpoint: Path) -> None:
    missing = checkpoint.with_suffix(suffix)
    missing.unlink()
    with pytest.raises(InputError, match=missing.name):
        load_student(checkpoint)


def rewrite(checkpoint: Path, **changes: Any) -> None:
    """Change the card, not the weights."""
    card = json.loads(card_path(checkpoint).read_text())
    card_path(checkpoint).write_text(json.dumps({**card, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "schema 2; this version reads 1"),
        ({"kind": "teacher"}, "holds a teacher, not a student"),
        ({"student": "wav2huge"}, "no student called 'wav2huge'"),
        ({"student": "wav2small-17k"}, "does not fit wav2small-17k"),
        ({"frontend": {"n_fft": 64}}, "missing or unknown keys"),
        ({"frontend": {**FrontEndSpec().to_dict(), "n_mels": 40}}, "does not fit wav2small"),
    ],
)
def test_cards_that_do_not_fit(changes: dict[str, Any], message: str, checkpoint: Path) -> None:
    rewrite(checkpoint, **changes)
    with pytest.raises(InputError, match=message):
        load_student(checkpoint)


def test_a_card_that_is_not_json(checkpoint: Path) -> None:
    card_path(checkpoint).write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        read_card(checkpoint)


def test_weights_that_are_not_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    path.write_bytes(b"not safetensors at all")
    card = {"schema": 1, **card_of("wav2small"), "weights_sha256": sha256_of(path)}
    card_path(path).write_text(json.dumps(card))
    with pytest.raises(InputError):
        load_student(path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    torch.save(build_student("wav2small").state_dict(), path)
    card = {"schema": 1, **card_of("wav2small"), "weights_sha256": sha256_of(path)}
    card_path(path).write_text(json.dumps(card))
    with pytest.raises(InputError):
        load_student(path)
