"""A drift report's two files: `drift.json` for programs, `drift.html` for people."""

from __future__ import annotations

import json
from pathlib import Path

from edge_ser.drift.html import render
from edge_ser.drift.report import DriftReport


def write(report: DriftReport, folder: Path) -> tuple[Path, Path]:
    """Write `drift.json` and `drift.html` into `folder`, which is made if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    files = folder / "drift.json", folder / "drift.html"
    for path, content in zip(files, (text + "\n", render(report)), strict=True):
        path.write_text(content, encoding="utf-8")
    return files
