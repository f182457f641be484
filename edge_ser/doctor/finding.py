"""One line of the doctor's report, and the whole of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Use = Literal["microphone", "file"]
"""Two ways to stream."""

BOTH: tuple[Use, ...] = ("microphone", "file")


@dataclass(frozen=True)
class Finding:
    """What was looked at and what came of it.

    Attributes:
        area: "system", "packages", "model", "runtimes", "audio" or "stream".
        name: what was looked at.
        status: "ok", "absent" (not there, perhaps not needed), "warning" or "fault".
        detail: version, or what is wrong.
        hint: what to do about it; "" when nothing.
        needed_for: what cannot work while this is not ok.
    """

    area: str
    name: str
    status: Literal["ok", "absent", "warning", "fault"]
    detail: str
    hint: str = ""
    needed_for: tuple[Use, ...] = ()

    def blocks(self, use: Use) -> bool:
        """Whether this finding rules the use out."""
        return use in self.needed_for and self.status in ("absent", "fault")


@dataclass(frozen=True)
class Report:
    """All findings of one machine."""

    findings: tuple[Finding, ...]

    def can_stream(self, use: Use) -> bool:
        """Whether `edge-ser stream` works here with a microphone or with a file."""
        runtime = any(f.status == "ok" for f in self.findings if f.area == "runtimes")
        return runtime and not any(finding.blocks(use) for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "can_stream_microphone": self.can_stream("microphone"),
            "can_stream_file": self.can_stream("file"),
            "findings": [asdict(finding) for finding in self.findings],
        }
