"""CI's gate on skipped tests, and the check of system packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = '<skipped type="pytest.skip" message="{reason}"/>'


def junit(path: Path, **reasons: str) -> Path:
    """A JUnit file with one passed test and one skipped for each reason."""
    cases = "".join(
        f'<testcase classname="tests.test_x" name="{name}">{SKIPPED.format(reason=reason)}'
        "</testcase>"
        for name, reason in reasons.items()
    )
    path.write_text(
        '<testsuites><testsuite><testcase classname="tests.test_x" name="test_passed"/>'
        f"{cases}</testsuite></testsuites>"
    )
    return path


def check(repository: Path, report: Path, allow_list: str) -> subprocess.CompletedProcess[str]:
    """Run the gate."""
    allowed = report.with_suffix(".txt")
    allowed.write_text(allow_list)
    command = [sys.executable, str(repository / ".ci/check_skips.py"), str(report), str(allowed)]
    return subprocess.run(command, capture_output=True, text=True)


def test_no_skips_pass(repository: Path, tmp_path: Path) -> None:
    answer = check(repository, junit(tmp_path / "r.xml"), "# nothing\n")
    assert answer.returncode == 0
    assert "1 tests, 0 skipped" in answer.stdout


def test_a_skip_that_is_not_listed_fails_and_is_named(repository: Path, tmp_path: Path) -> None:
    answer = check(repository, junit(tmp_path / "r.xml", test_mic="no PulseAudio"), "")
    assert answer.returncode == 1
    assert "(NOT ALLOWED): tests.test_x::test_mic: no PulseAudio" in answer.stdout


def test_a_listed_skip_passes_and_another_does_not(repository: Path, tmp_path: Path) -> None:
    rule = r"tests\.test_x::test_mic: no PulseAudio # no sound server in containers"
    one = junit(tmp_path / "one.xml", test_mic="no PulseAudio")
    assert check(repository, one, rule).returncode == 0
    two = junit(tmp_path / "two.xml", test_mic="no PulseAudio", test_arm="no qemu")
    answer = check(repository, two, rule)
    assert answer.returncode == 1
    assert "2 skipped, 1 of them not allowed" in answer.stdout


def test_a_rule_must_match_the_whole_skip(repository: Path, tmp_path: Path) -> None:
    report = junit(tmp_path / "r.xml", test_mic="no PulseAudio")
    assert check(repository, report, r"tests\.test_x # too short").returncode == 1


def test_a_rule_without_its_reason_is_an_error(repository: Path, tmp_path: Path) -> None:
    answer = check(repository, junit(tmp_path / "r.xml"), ".*\n")
    assert answer.returncode != 0
    assert "give the reason after ' # '" in answer.stderr


def test_a_run_without_tests_fails(repository: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.xml"
    report.write_text("<testsuites><testsuite/></testsuites>")
    answer = check(repository, report, "")
    assert answer.returncode == 1
    assert "no test ran" in answer.stderr


def test_the_repositorys_own_allow_list_is_well_formed(repository: Path, tmp_path: Path) -> None:
    rules = (repository / ".ci/allowed-skips.txt").read_text()
    assert check(repository, junit(tmp_path / "r.xml"), rules).returncode == 0


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH without any program."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return str(folder)


def test_missing_system_packages_come_with_their_command(repository: Path, bare_path: str) -> None:
    answer = subprocess.run(
        [sys.executable, str(repository / ".ci/system_packages.py")],
        capture_output=True,
        text=True,
        env={"PATH": bare_path},
    )
    assert answer.returncode == 0
    (command,) = (line for line in answer.stdout.splitlines() if line.startswith("To install"))
    for name in ("qemu-user", "pulseaudio", "pulseaudio-utils"):
        assert name in command.split("sudo apt-get install ")[1].split()


def test_set_up_refuses_an_unreachable_environment_with_a_sentence(
    repository: Path, tmp_path: Path
) -> None:
    nothing = ["--no-index", "--find-links", str(tmp_path)]
    command = [sys.executable, str(repository / ".ci/setup_environment.py"), str(tmp_path / "venv")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environment["PIP_CONFIG_FILE"] = os.devnull
    answer = subprocess.run([*command, *nothing], capture_output=True, text=True, env=environment)
    assert answer.returncode == 1
    assert "pip cannot find torch" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "venv" / ".edge-ser-set-up").exists()
