"""The whole examination and its report as text."""

from __future__ import annotations

from pathlib import Path

from edge_ser.doctor.audio import audio_findings
from edge_ser.doctor.finding import Finding, Report
from edge_ser.doctor.packages import package_findings
from edge_ser.doctor.runtimes import model_finding, runtime_findings
from edge_ser.doctor.stream import stream_findings
from edge_ser.doctor.system import system_findings, this_system
from edge_ser.models import shipped

_MARKS = {"ok": "ok  ", "absent": "--  ", "warning": "note", "fault": "FAIL"}


def examine(bundle: Path | None = None) -> Report:
    """Look at everything; takes a few seconds, most of them for trying the runtimes.

    Args:
        bundle: to try the runtimes with; None: the one that ships with the package.
    """
    model = model_finding(bundle)
    usable = (bundle or shipped("bundle")) if model.status == "ok" else None
    return Report(
        (
            *system_findings(this_system()),
            *package_findings(),
            model,
            *runtime_findings(usable),
            *audio_findings(),
            *stream_findings(),
        )
    )


def as_text(report: Report) -> str:
    """For people: one line a finding, what to do below it, the verdict last."""
    lines: list[str] = []
    area = ""
    for finding in report.findings:
        if finding.area != area:
            area = finding.area
            lines.append(area)
        lines += _lines(finding, report)
    lines.append("")
    lines.append(_verdict("microphone", report.can_stream("microphone"), "--mic"))
    lines.append(_verdict("file", report.can_stream("file"), "--file X.wav"))
    return "\n".join(lines)


def _lines(finding: Finding, report: Report) -> list[str]:
    lines = [f"  {_MARKS[finding.status]}  {finding.name}: {finding.detail}"]
    settled = finding.area == "runtimes" and any(
        other.area == "runtimes" and other.status == "ok" for other in report.findings
    )
    if finding.hint and not (finding.status == "absent" and settled):
        lines.append(f"        -> {finding.hint}")
    return lines


def _verdict(what: str, possible: bool, option: str) -> str:
    if possible:
        return f"streaming from a {what} works here: edge-ser stream {option}"
    return f"streaming from a {what} does not work here yet; see -> above"
