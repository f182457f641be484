"""What ships must be what is promised: the figures in the cards, sizes, licences, bindings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from calibration.cache import load
from edge_ser.bundle import open_bundle
from edge_ser.checkpoint import load_student, read_card
from edge_ser.models import shipped
from edge_ser.teachers import load_teacher
from edge_ser.teachers.report import beats_baseline

STUDENTS = ("wav2small", "wav2small-17k")
UNSEEN = "emodb_unseen_speakers"
LEAST_CCC = {"arousal": 0.88, "dominance": 0.82, "valence": 0.60}
LARGEST_AUC_LOSS = 0.04


def _card(name: str) -> dict[str, Any]:
    return read_card(shipped(f"{name}.safetensors"))


@pytest.mark.parametrize("corpus", ["emodb_5_folds", "nemo_dev"])
def test_the_teacher_beats_the_baseline(corpus: str) -> None:
    assert beats_baseline(_card("teacher")["metrics"][corpus])


def test_the_teacher_is_small_and_loads() -> None:
    assert shipped("teacher.safetensors").stat().st_size <= 6_000_000
    assert load_teacher().weights_sha256 == _card("teacher")["weights_sha256"]


def test_the_student_agrees_with_its_teacher_on_speakers_neither_has_heard() -> None:
    report = _card("wav2small")["metrics"][UNSEEN]
    for dimension, least in LEAST_CCC.items():
        assert report["to_teacher"][dimension]["ccc"]["value"] >= least, dimension


def test_no_auc_of_the_student_is_far_below_the_teachers() -> None:
    report = _card("wav2small")["metrics"]["nemo_dev"]
    for pair, teacher in report["auc_teacher"].items():
        loss = teacher["value"] - report["auc_model"][pair]["value"]
        assert loss <= LARGEST_AUC_LOSS, pair


@pytest.mark.parametrize("name", STUDENTS)
def test_students_learned_from_the_shipped_teacher(name: str) -> None:
    student, card = load_student(shipped(f"{name}.safetensors"))
    assert card["teacher"]["weights_sha256"] == _card("teacher")["weights_sha256"]
    assert card["teacher"]["licence"] == "Apache-2.0"
    cache = load(shipped(f"{name}.calibration.json"))
    cache.check(card["weights_sha256"], student.config.frontend)
    assert len(cache.clips) == 64
    assert all(clip.licence != "not stated" for clip in cache.clips)


@pytest.mark.parametrize("name", ["teacher", *STUDENTS])
def test_attributed_noise_is_attributed(name: str, shared_data: Path) -> None:
    attribution = "\n".join(_card(name)["attribution"])
    manifest = (shared_data / "noise" / "manifest.csv").read_text().splitlines()
    owed = [line.split(",")[0] for line in manifest if "BY" in line.rsplit(",", 2)[-1]]
    assert len(owed) > 100
    assert all(clip in attribution for clip in owed)


def test_the_bundle_is_of_the_shipped_student() -> None:
    with open_bundle(shipped("bundle")) as bundle:
        manifest = bundle.manifest
        assert manifest.student.checkpoint_sha256 == _card("wav2small")["weights_sha256"]
        assert manifest.teacher.weights_sha256 == _card("teacher")["weights_sha256"]
        assert not any(name.startswith("run/") for name in manifest.files)


def test_everything_shipped_stays_under_8_mb(repository: Path) -> None:
    weights = (repository / "edge_ser" / "models").glob("*.safetensors")
    assert sum(path.stat().st_size for path in weights) <= 8_000_000


def test_no_card_names_a_local_path(repository: Path) -> None:
    absolute = re.compile(r"""(^|[\s"'=])/[a-z]+/""")
    assert absolute.search("--audio /home/me/audio")
    for path in (repository / "edge_ser" / "models").glob("*.json"):
        for line in path.read_text().splitlines():
            assert not absolute.search(line), (path, line)
