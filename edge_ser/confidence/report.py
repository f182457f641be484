"""The report of a fit: JSON for machines, Markdown tables and two pictures for people."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from edge_ser import DIMENSIONS
from edge_ser.confidence.plots import reliability, risk_coverage
from edge_ser.confidence.study import CHOSEN

JSON_NAME, TABLES_NAME = "confidence_report.json", "confidence_figures.md"
RISK_NAME, RELIABILITY_NAME = "confidence_risk_coverage.svg", "confidence_reliability.svg"
_HEADS = [dimension.capitalize() for dimension in DIMENSIONS]


def write(report: dict[str, Any], folder: Path) -> list[Path]:
    """Write all of it into `folder`, made if needed; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in (JSON_NAME, TABLES_NAME, RISK_NAME, RELIABILITY_NAME)]
    paths[0].write_text(json.dumps(_without_nan(report), indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(tables(report), encoding="utf-8")
    judged = [("held-out speakers", report["held_out"])]
    if "confirmation" in report:
        judged.append((report["confirmation"]["corpus"]["name"], report["confirmation"]["judged"]))
    risk_coverage(judged, paths[2])
    reliability(judged, paths[3])
    return paths


def tables(report: dict[str, Any]) -> str:
    """All figures as Markdown."""
    held, settings = report["held_out"], report["settings"]
    parts = [
        f"{report['readings']} readings of {report['scenes']} scenes, student "
        f"{report['student']} on {report['provenance']['engine']}, {report['detector']}, "
        f"seed {report['provenance']['seed']}; right means within {report['tolerance']:g} of the "
        "teacher on the clean clips.",
        "### Candidates\n\nAURC (lower is better) and gain: the share of the way from chance to an "
        "oracle. Held-out speakers and noises.\n\n" + _candidates(report["candidates"]),
        f"### Error by confidence\n\nTenths of {held['readings']} held-out readings, least "
        "confident first: mean confidence → share right, mean absolute error.\n\n" + _tenths(held),
        "### Quality of the confidence\n\n" + _quality(report),
        "### What `--min-speech` lets through\n\n" + _min_speech(report["min_speech"]),
        "### What `--min-confidence` costs and brings\n\nAmong windows with "
        f"{settings['min_speech']:g} of speech or more.\n\n"
        + _min_confidence(report["min_confidence"]),
        f"### What a stream shows\n\nWith `--min-speech {settings['min_speech']:g} "
        f"--min-confidence {settings['min_confidence']:g}`: share of windows by state; mean "
        "confidence of windows with enough speech; mean absolute error of those reported.\n\n"
        + _kinds(report["kinds"]),
        "### Detection of speech, frame by frame\n\n" + _detection(report["detection"]),
    ]
    if "confirmation" in report:
        confirmation = report["confirmation"]
        judged = confirmation["judged"]
        parts += [
            f"### Confirmation\n\n{judged['readings']} readings of scenes with "
            f"{confirmation['corpus']['name']}, judged once by the final parameters, noises that "
            "the fit has not heard: mean confidence → share right, mean absolute error.\n\n"
            + _tenths(judged),
            "With abstention:\n\n" + _min_confidence(confirmation["min_confidence"]),
        ]
    return "\n\n".join(parts) + "\n"


def _candidates(found: dict[str, Any]) -> str:
    rows = []
    for name, by in found.items():
        shown = f"**{name}**" if name == CHOSEN else name
        cells = [
            f"{by[d]['aurc']:.4f}" + (f" ({by[d]['gain']:.0%})" if "gain" in by[d] else "")
            for d in DIMENSIONS
        ]
        rows.append([shown, *cells])
    return _table(["Evidence", *_HEADS], rows)


def _tenths(judged: dict[str, Any]) -> str:
    by = [judged["dimensions"][dimension]["bins"] for dimension in DIMENSIONS]
    rows = [
        [
            str(number),
            *(f"{b['confidence']:.2f} → {b['right']:.2f}, {b['error']:.3f}" for b in tenth),
        ]
        for number, tenth in enumerate(zip(*by, strict=True), start=1)
    ]
    return _table(["Tenth", *_HEADS], rows)


def _quality(report: dict[str, Any]) -> str:
    named = {"held out": report["held_out"]}
    named |= {f"held out, {name}": part for name, part in report["held_out_by_corpus"].items()}
    named["held out, no detector"] = report["held_out_without_detector"]
    if "confirmation" in report:
        named["confirmation"] = report["confirmation"]["judged"]
    rows = [
        [
            name,
            dimension,
            *(
                f"{part['dimensions'][dimension][key]:.4f}"
                for key in ("mae", "aurc", "aurc_oracle")
            ),
            f"{part['dimensions'][dimension]['gain']:.0%}",
            *(
                f"{part['dimensions'][dimension][key]:.3f}"
                for key in ("brier", "brier_constant", "ece")
            ),
        ]
        for name, part in named.items()
        for dimension in DIMENSIONS
    ]
    head = ["Readings", "Dimension", "MAE", "AURC", "Oracle", "Gain"]
    return _table([*head, "Brier", "Brier of a constant", "ECE"], rows)


def _min_speech(found: Iterable[dict[str, float]]) -> str:
    rows = [
        [
            f"{one['min_speech']:g}",
            _percent(one["kept_spoken"]),
            _percent(one["kept_nobody"]),
            *(_number(one[f"{d}_mae"]) for d in DIMENSIONS),
        ]
        for one in found
    ]
    head = ["Share of speech", "Windows kept, somebody speaks", "Windows kept, nobody speaks"]
    return _table([*head, *(f"{name} MAE" for name in _HEADS)], rows)


def _min_confidence(found: Iterable[dict[str, float]]) -> str:
    rows = [
        [
            f"{one['min_confidence']:g}",
            _percent(one["kept"]),
            _percent(one["all_right"]),
            *(_number(one[f"{d}_mae"]) for d in DIMENSIONS),
        ]
        for one in found
    ]
    head = ["Least confidence", "Reported", "All three right"]
    return _table([*head, *(f"{name} MAE" for name in _HEADS)], rows)


def _kinds(found: dict[str, dict[str, float]]) -> str:
    rows = [
        [
            kind,
            *(_percent(one[state]) for state in ("no_speech", "uncertain", "speech")),
            " / ".join(_number(one[f"{d}_confidence"], 2) for d in DIMENSIONS),
            " / ".join(_number(one[f"{d}_mae"]) for d in DIMENSIONS),
        ]
        for kind, one in found.items()
    ]
    head = ["Scene", "No speech", "Uncertain", "Speech", "Confidence A / D / V", "MAE A / D / V"]
    return _table(head, rows)


def _detection(found: dict[str, dict[str, float | int | None]]) -> str:
    rows = [
        [
            kind,
            _percent(one["found"]),
            str(one["speech_frames"]),
            _percent(one["mistaken"]),
            str(one["other_frames"]),
        ]
        for kind, one in found.items()
    ]
    head = ["Scene", "Speech found", "of frames", "Other frames taken for speech", "of frames"]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "–" if share is None or math.isnan(share) else f"{100 * share:.1f} %"


def _number(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _without_nan(value: Any) -> Any:
    """NaN is not JSON: null in its place."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
