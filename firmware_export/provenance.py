"""Where a bundle comes from: teacher, data, licences, tools; for the manifest and the files."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

from calibration.cache import CalibrationCache
from edge_ser import DIMENSIONS, SAMPLE_RATE, __version__
from edge_ser.bundle.manifest import CalibrationInfo, DataSource, Teacher
from edge_ser.errors import InputError
from edge_ser.teachers.licence import combined, is_non_commercial

_TOOLS = (
    "ai-edge-litert",
    "ai-edge-quantizer",
    "litert-torch",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "onnxsim",
    "torch",
)

SOFTWARE_LICENCE = "Apache-2.0"


def tool_versions() -> dict[str, str]:
    """Package -> version of everything that shapes the files."""
    versions = {name: importlib.metadata.version(name) for name in _TOOLS}
    return {"python": platform.python_version(), "edge-ser": __version__, **versions}


def teacher_of(card: dict[str, Any]) -> Teacher:
    """Whose labels the student learnt.

    A student that went on from another keeps what that one had learnt, so the licences of all
    its teachers hold, not the last one's only.

    Raises:
        InputError: the card does not say.
    """
    try:
        teacher = card["teacher"]
        earlier = [step["teacher"]["licence"] for step in card.get("history", [])]
        licence = combined([teacher["licence"], *earlier])
        return Teacher(teacher["id"], licence, teacher["weights_sha256"])
    except (KeyError, TypeError) as error:
        raise InputError(
            "the checkpoint's card does not name its teacher's id, licence and weights_sha256",
            "train the student with `edge-ser distill`, which writes them",
        ) from error


def training_data_of(card: dict[str, Any]) -> tuple[DataSource, ...]:
    """The corpora the weights come from, from the card."""
    return tuple(
        DataSource(data["name"], data["licence"], data["use"], data.get("url"))
        for data in card.get("training_data", [])
    )


def calibration_info(cache: CalibrationCache) -> CalibrationInfo:
    """What the manifest says of the ranges."""
    corpora = sorted({(clip.corpus, clip.licence) for clip in cache.clips})
    source = "; ".join(f"{corpus} ({licence})" for corpus, licence in corpora)
    return CalibrationInfo(len(cache.clips), cache.sha256(), cache.method, source)


def file_metadata(card: dict[str, Any]) -> dict[str, str]:
    """What each model file says of itself, for whoever finds it without its bundle."""
    teacher = teacher_of(card)
    return {
        "checkpoint_sha256": card["weights_sha256"],
        "dimensions": ",".join(DIMENSIONS),
        "edge_ser": __version__,
        "input": "mono waveform, about [-1, 1]",
        "licence": model_licence(card),
        "sample_rate": str(SAMPLE_RATE),
        "student": card["student"],
        "teacher": teacher.id,
    }


def model_licence(card: dict[str, Any]) -> str:
    """Licence of the weights: as the card states it, else the teacher's, which they inherit."""
    return str(card.get("licence") or teacher_of(card).licence)


def commercial_notice(card: dict[str, Any]) -> str:
    """What must be said of weights that may not be used commercially; "" of others."""
    teacher = teacher_of(card)
    licences = combined([teacher.licence, model_licence(card)])
    if not is_non_commercial(licences):
        return ""
    return (
        f"NOT FOR COMMERCIAL USE: these weights were learned from {teacher.id}, "
        f"whose licence they inherit ({licences})"
    )


def licence_lines(card: dict[str, Any]) -> list[str]:
    """One line per licence that the bundle's receiver must know, attribution included."""
    data = [f"{d.name}: {d.licence} ({d.use})" for d in training_data_of(card)]
    credits = [
        credit if isinstance(credit, str) else "; ".join(f"{k}: {v}" for k, v in credit.items())
        for credit in card.get("attribution", [])
    ]
    notice = commercial_notice(card)
    return [
        *([notice] if notice else []),
        f"weights: {model_licence(card)}",
        f"software edge-ser: {SOFTWARE_LICENCE}",
        *data,
        *credits,
    ]
