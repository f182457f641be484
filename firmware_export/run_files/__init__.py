"""What a bundle's `run/` holds besides the wheel: installer, pins, service units, README.

The files lie beside this module. All but the README are copied as they are, so that they can
be tested as they are; the README is filled in for the bundle.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent
_COPIED = (
    "install.sh",
    "requirements.txt",
    "edge-ser.service",
    "edge-ser-system.service",
    "stream.toml",
)
_README = "README.md"


@dataclass(frozen=True)
class ReadmeValues:
    """What the README says of one bundle.

    Attributes:
        name: of the student.
        target: of the export, e.g. "rpi".
        version: edge-ser's.
        sizes: bytes of each model file, by name.
        drift: one sentence with the measured figures and on what they were measured.
        teacher: id and licence.
        licences: one line for each source of data or software, with attribution.
    """

    name: str
    target: str
    version: str
    sizes: dict[str, int]
    drift: str
    teacher: str
    licences: list[str]


def write_run_files(folder: Path, values: ReadmeValues) -> None:
    """Write `run/` but for the wheel.

    Args:
        folder: the bundle's `run` folder; made if it is not there.
        values: for the README.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        shutil.copyfile(_FOLDER / name, folder / name)
    (folder / "install.sh").chmod(0o755)
    (folder / _README).write_text(render_readme(values), encoding="utf-8")


def render_readme(values: ReadmeValues) -> str:
    """The README of one bundle, Markdown."""
    template = Template((_FOLDER / f"{_README}.template").read_text(encoding="utf-8"))
    sizes = "\n".join(f"| {name} | {size:,} |" for name, size in sorted(values.sizes.items()))
    licences = "\n".join(f"- {line}" for line in values.licences)
    return template.substitute({**asdict(values), "sizes": sizes, "licences": licences})
