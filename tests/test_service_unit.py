"""The service units: what systemd's own checks say, and that the program fits into the sandbox."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY
from stream_fixtures import LoopbackSound
from traced import calls, strace

from firmware_export import run_files

FOLDER = Path(run_files.__file__).parent
UNITS = ("edge-ser.service", "edge-ser-system.service")

LARGEST_EXPOSURE = 2.0
"""Of the system service, 0 to 10 as systemd-analyze counts (252 says 1.4); 10 is no sandbox."""

LARGEST_USER_EXPOSURE = 7.0
"""A user's systemd can do less; without any of it a unit has 9.8."""

NEWER = ("RestartSteps", "RestartMaxDelaySec")
"""Settings that systemd before 254 (Debian 12 has 252) says it ignores."""


def settings(unit: str) -> dict[str, list[str]]:
    """Setting -> its values in order."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / unit).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def analyse(tmp_path: Path) -> Iterator[Analyse]:
    """systemd-analyze on units whose program exists here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze: sudo apt install systemd")
    yield Analyse(tmp_path)


class Analyse:
    """Runs systemd-analyze, without a running systemd."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "runtime").mkdir(mode=0o700)
        program = folder / "venv" / "bin" / "edge-ser"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)

    def __call__(self, unit: str, *words: str) -> subprocess.CompletedProcess[str]:
        """The answer to `systemd-analyze WORDS UNIT`."""
        path = self.folder / "edge-ser.service"
        text = (FOLDER / unit).read_text().replace("@PREFIX@", str(self.folder))
        path.write_text(text.replace("@CONFIG@", "/etc/edge-ser/stream.toml"))
        user = ["--user"] if unit == "edge-ser.service" else []
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder / "runtime")}
        return subprocess.run(
            ["systemd-analyze", *user, *words, str(path)],
            capture_output=True,
            text=True,
            env=environment,
        )


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_every_line(analyse: Analyse, unit: str) -> None:
    answer = analyse(unit, "verify")
    assert answer.returncode == 0, answer.stderr
    complaints = [
        line for line in answer.stderr.splitlines() if not any(name in line for name in NEWER)
    ]
    assert not [line for line in complaints if "edge-ser" in line], complaints


@pytest.mark.parametrize(
    ("unit", "limit"), [(UNITS[0], LARGEST_USER_EXPOSURE), (UNITS[1], LARGEST_EXPOSURE)]
)
def test_the_exposure_is_low(analyse: Analyse, unit: str, limit: float) -> None:
    answer = analyse(unit, "security", "--offline=yes", f"--threshold={round(limit * 10)}")
    (score,) = re.findall(r"exposure level for \S+: ([\d.]+)", answer.stdout)
    assert answer.returncode == 0 and float(score) <= limit, answer.stdout


def test_the_system_service_has_no_rights_and_no_files_of_others(analyse: Analyse) -> None:
    answer = analyse(UNITS[1], "security", "--offline=yes", "--json=short")
    tests = {entry["json_field"]: entry["set"] for entry in json.loads(answer.stdout)}
    wanted = (
        *("NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectSystem", "UserOrDynamicUser"),
        *("ProtectKernelModules", "ProtectKernelLogs", "ProtectClock", "RestrictSUIDSGID"),
        *("CapabilityBoundingSet_CAP_SYS_ADMIN", "CapabilityBoundingSet_CAP_SYS_PTRACE"),
        *("SystemCallFilter_privileged", "SystemCallFilter_raw_io", "SystemCallFilter_debug"),
    )
    assert not [name for name in wanted if not tests[name]]


@pytest.mark.parametrize("unit", UNITS)
def test_what_a_service_for_months_needs(unit: str) -> None:
    found = settings(unit)
    assert found["Type"] == ["notify"]
    assert 10 <= int(found["WatchdogSec"][0]) <= 300
    assert found["Restart"] == ["always"] and found["StartLimitIntervalSec"] == ["0"]
    assert found["RestartPreventExitStatus"] == ["2 3 4"]  # 5, crashes, the watchdog: again
    assert found["MemoryMax"] and found["NoNewPrivileges"] == ["yes"]


@pytest.mark.parametrize("unit", UNITS)
def test_no_crash_and_no_swap_writes_sound_to_a_disk(unit: str) -> None:
    found = settings(unit)
    assert found["LimitCORE"] == ["0"]
    assert found["MemorySwapMax"] == ["0"]
    assert found["WatchdogSignal"] == ["SIGKILL"]  # the usual SIGABRT asks for a core dump


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_have_only_the_installers_placeholders(unit: str) -> None:
    text = (FOLDER / unit).read_text()
    assert set(re.findall(r"@(\w+)@", text)) == {"PREFIX", "CONFIG"}
    assert 'stream --config "@CONFIG@"' in text


def allowed_calls(unit: str) -> set[str]:
    """System calls that the unit's filter lets through, systemd's groups expanded."""
    allowed: set[str] = set()
    for words in settings(unit)["SystemCallFilter"]:
        members = {call for word in words.lstrip("~").split() for call in expanded(word)}
        allowed = allowed - members if words.startswith("~") else allowed | members
    return allowed


def expanded(word: str) -> set[str]:
    """A call is itself; a group is its calls and its groups' calls."""
    if not word.startswith("@"):
        return {word}
    listing = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
    )
    members = [line.strip() for line in listing.stdout.splitlines()[1:] if line.startswith("    ")]
    return {call for member in members if member[0] != "#" for call in expanded(member)}


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_what_the_program_asks_of_the_kernel_is_allowed(
    unit: str, loopback_sound: LoopbackSound, tmp_path: Path
) -> None:
    """A microphone, the detector, the page, an unreachable broker, a program at an event."""
    trace = tmp_path / "calls"
    words = (
        *("--mic", "--duration", "4", "--web", "127.0.0.1:0", "--mqtt", "127.0.0.1:9"),
        *("--osc", "127.0.0.1:9", "--csv", str(tmp_path / "r.csv")),
        *("--on", "level > -119", "--exec", f"{sys.executable} -c 'input()'"),
    )
    command = [*strace(trace, everything=True), sys.executable, "-m", "edge_ser", "stream", *words]
    environment = {**loopback_sound.environment, "PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert answer.returncode == 0, answer.stderr
    made = list(calls(trace))
    assert len({call.name for call in made}) > 50
    # The program itself is started by systemd, before the filter is in force.
    assert not {call.name for call in made if not call.failed} - allowed_calls(unit)
    families = {call.arguments.split(",")[0] for call in made if call.name == "socket"}
    asked = {family for family in families if family.startswith("AF_")}
    assert asked <= set(settings(unit)["RestrictAddressFamilies"][0].split())
    assert "AF_INET" in asked
