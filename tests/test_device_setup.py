"""Device tests without a device: tables, set-up, caching, comparison and every refusal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from bundle_fixtures import change_manifest, make_stand_in

from device_tests import cached, checks, debian_root, emulator, host_tools, wheels
from device_tests.boards import BOARDS
from device_tests.devices import DEFAULT_DEVICE, DEVICES, find_device
from device_tests.sysroot import Sysroot
from edge_ser.bundle import open_bundle
from edge_ser.cli import main
from edge_ser.errors import EnvironmentMissing, GateFailed, InputError

PI = DEVICES[DEFAULT_DEVICE]
ARMV7 = DEVICES["rpi-armv7"]


def reading(start: int, value: float) -> dict[str, Any]:
    return {
        "start_sample": start,
        "end_sample": start + 80_000,
        "arousal": value,
        "dominance": 0.5,
        "valence": 0.25,
        "engine": "litert",
        "engine_version": "2.3.0",
        "artefact": "model.int8.tflite",
    }


def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host without qemu, apt and dpkg."""
    monkeypatch.setenv("PATH", str(tmp_path))


def fake_qemu(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put a shell script in the emulator's place."""
    program = folder / PI.family.emulator
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_unknown_device_is_named_and_the_nearest_suggested() -> None:
    with pytest.raises(InputError, match="no device called 'rpi-arch64'") as caught:
        find_device("rpi-arch64")
    assert "did you mean 'rpi-aarch64'" in caught.value.hint


def test_list_shows_every_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device-test", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        *DEVICES,
        *BOARDS,
        "tflite-micro",
        "ssh://USER@HOST",
        "serial:PORT",
    ]


def test_missing_programs_are_named_with_their_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = make_stand_in(tmp_path / "bundle")
    no_programs(monkeypatch, tmp_path)
    assert main(["device-test", str(bundle)]) == 3
    said = capsys.readouterr().err
    for package in ("qemu-user", "dpkg", "apt"):
        assert package in said
    assert "sudo apt-get install" in said


def test_missing_archive_key_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host_tools, "DEBIAN_ARCHIVE_KEYRING", str(tmp_path / "absent.gpg"))
    with pytest.raises(EnvironmentMissing, match="debian-archive-keyring"):
        host_tools.require_host_tools(PI)


def test_failing_tool_says_what_it_said() -> None:
    with pytest.raises(EnvironmentMissing, match="code 7: no such mirror"):
        host_tools.run_tool(["sh", "-c", "echo no such mirror >&2; exit 7"])


def test_engine_that_the_device_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "require_host_tools", lambda device: None)
    with pytest.raises(InputError, match="no engine 'tflite-runtime'"):
        checks.run_bundle(
            DEVICES["rpi-aarch64-trixie"], tmp_path, ("tflite-runtime",), tmp_path / "cache"
        )


def test_bundle_of_another_target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "require_host_tools", lambda device: None)
    bundle = make_stand_in(tmp_path / "bundle")
    change_manifest(bundle, lambda manifest: manifest.update(target="linux-x86_64"))
    with pytest.raises(InputError, match="the bundle is for linux-x86_64"):
        checks.run_bundle(PI, bundle, ("litert",), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_requirements_per_engine(tmp_path: Path) -> None:
    bundle_folder = make_stand_in(tmp_path / "bundle")
    change_manifest(bundle_folder, lambda m: m["tools"].update(onnxruntime="1.31.1"))
    with open_bundle(bundle_folder) as bundle:
        litert = wheels.requirements(PI, bundle, "litert")
        onnx = wheels.requirements(PI, bundle, "onnxruntime")
    assert all("==" in pin for pin in litert)
    assert any(pin.startswith("ai-edge-litert==") for pin in litert)
    assert onnx[-1] == "onnxruntime==1.31.1"
    assert set(litert) - set(onnx) == {pin for pin in litert if pin.startswith("ai-edge-litert")}


def test_legacy_pins_are_those_of_the_constraints(repository: Path, tmp_path: Path) -> None:
    lines = (repository / "constraints-rpi-legacy.txt").read_text().splitlines()
    pins = {line for line in lines if line and not line.startswith("#")}
    with open_bundle(make_stand_in(tmp_path / "bundle")) as bundle:
        legacy = set(wheels.requirements(PI, bundle, "tflite-runtime"))
    assert legacy <= pins
    assert {pin.partition("==")[0] for pin in legacy} >= {"numpy", "tflite-runtime", "soxr"}


def test_what_debian_provides_is_not_asked_of_pip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(wheels, "run_tool", commands.append)
    with open_bundle(make_stand_in(tmp_path / "bundle")) as bundle:
        pins = wheels.requirements(ARMV7, bundle, "tflite-runtime")
    wheels.install(ARMV7, pins, tmp_path)
    assert pins == ["tflite-runtime==2.14.0"]
    (command,) = commands
    assert "--no-deps" in command and "manylinux_2_34_armv7l" in command
    assert "python3-numpy" in ARMV7.debian


def test_set_up_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    said: list[str] = []
    calls: list[Path] = []

    def breaks(folder: Path) -> None:
        (folder / "half").touch()
        raise EnvironmentMissing("the network went away")

    def works(folder: Path) -> None:
        calls.append(folder)
        (folder / "whole").touch()

    wanted = tmp_path / "cache" / "root"
    with pytest.raises(EnvironmentMissing):
        cached.once(wanted, breaks, said.append)
    assert list(wanted.parent.iterdir()) == []
    cached.once(wanted, works, said.append)
    cached.once(wanted, works, said.append)
    assert [path.name for path in wanted.iterdir()] == ["whole"]
    assert len(calls) == 1 and len(said) == 2


def test_cache_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(EnvironmentMissing, match="cannot be written") as caught:
        cached.once(tmp_path / "cache" / "root", lambda folder: None, lambda line: None)
    assert "--cache" in caught.value.hint


def test_apt_stays_inside_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = 'Acquire::http::Proxy "http://proxy.example:3128";\n'
    monkeypatch.setattr(debian_root, "run_tool", lambda command: proxy)
    lines = debian_root._configuration(PI, tmp_path).splitlines()
    places = [line.split('"')[1] for line in lines if line.startswith("Dir::")]
    assert all(place == "/dev/null" or place.startswith(str(tmp_path)) for place in places)
    assert proxy.strip() in lines


def test_device_sees_an_arm_processor_and_merged_usr(tmp_path: Path) -> None:
    (tmp_path / "usr" / "lib").mkdir(parents=True)
    debian_root._merge_usr(tmp_path)
    debian_root.write_cpuinfo(PI, tmp_path)
    text = (tmp_path / "proc" / "cpuinfo").read_text()
    assert text.count("CPU part\t: 0xd08") == text.count("processor\t:") == 4
    assert os.readlink(tmp_path / "lib") == "usr/lib"


def test_a_32_bit_device_sees_a_32_bit_processor(tmp_path: Path) -> None:
    debian_root.write_cpuinfo(ARMV7, tmp_path)
    text = (tmp_path / "proc" / "cpuinfo").read_text()
    assert text.count("CPU part\t: 0xc07") == text.count("CPU architecture: 7") == 4


def test_libraries_that_package_scripts_would_link(tmp_path: Path) -> None:
    (tmp_path / "blas").mkdir()
    (tmp_path / "blas" / "libblas.so.3").touch()
    debian_root._link_libraries(tmp_path)
    links = {path.name: os.readlink(path) for path in tmp_path.iterdir() if path.is_symlink()}
    assert links == {"libblas.so.3": "blas/libblas.so.3"}


def test_equal_readings_pass_and_others_fail() -> None:
    here = [reading(0, 0.5), reading(8_000, 0.6)]
    close = [reading(0, 0.501), reading(8_000, 0.6)]
    check = checks.compare_readings(close, here, 0.005)
    assert check.passed and check.cases == 2
    assert check.largest == pytest.approx(0.001)
    far = [reading(0, 0.5), reading(8_000, 0.61)]
    assert not checks.compare_readings(far, here, 0.005).passed


@pytest.mark.parametrize("there", [[], [reading(0, 0.5)], [reading(0, 0.5), reading(16_000, 0.6)]])
def test_other_windows_are_no_comparison(there: list[dict[str, Any]]) -> None:
    with pytest.raises(GateFailed, match="windows"):
        checks.compare_readings(there, [reading(0, 0.5), reading(8_000, 0.6)], 1.0)


def test_report_without_checks_has_not_passed() -> None:
    report = checks.DeviceReport(PI, "7.2", {"name": "wav2small"}, ())
    values = json.loads(report.to_json())
    assert values["passed"] is False
    assert values["device"]["cpu"] == "cortex-a72"
    assert "durations mean nothing" in values["note"]


def test_crash_in_the_emulator_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_qemu(monkeypatch, tmp_path, "kill -SEGV $$")
    with pytest.raises(GateFailed, match="killed by SIGSEGV"):
        emulator.run_python(PI, Sysroot(tmp_path, tmp_path), ["-c", "0"])


def test_hanging_process_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_qemu(monkeypatch, tmp_path, "exec sleep 60")
    with pytest.raises(GateFailed, match=r"not done within 0\.2 s"):
        emulator.run_python(PI, Sysroot(tmp_path, tmp_path), ["-c", "0"], limit_seconds=0.2)


def test_emulator_gets_the_devices_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_qemu(monkeypatch, tmp_path, 'printf "%s\\n" "$@"')
    output = emulator.run_python(PI, Sysroot(tmp_path / "r", tmp_path / "s"), ["-m", "edge_ser"])
    words = output.stdout.splitlines()
    assert words[:4] == ["-cpu", "cortex-a72", "-L", str(tmp_path / "r")]
    assert f"PYTHONHOME={tmp_path}/r/usr" in words
    assert words[-3:] == [f"{tmp_path}/r/usr/bin/python3.11", "-m", "edge_ser"]


def test_output_that_is_no_json_is_a_failure() -> None:
    output = emulator.Output(1, "Traceback", "ImportError: no numpy")
    with pytest.raises(GateFailed, match="ImportError: no numpy"):
        checks._parse(output, output.stdout)


def test_the_mirror_is_the_one_of_the_hosts_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "Ubuntu|Ubuntu|http://u.example\nDebian|Debian-Security|http://s.example\n"
    monkeypatch.setattr(debian_root, "run_tool", lambda command: told)
    with pytest.raises(EnvironmentMissing, match="knows no Debian archive") as error:
        debian_root.host_mirror()
    assert "--mirror" in error.value.hint
    told += "Debian|Debian|http://d.example/debian\n"
    monkeypatch.setattr(debian_root, "run_tool", lambda command: told)
    assert debian_root.host_mirror() == "http://d.example/debian"


def test_a_bundle_without_golden_clips_has_nothing_to_stream(stand_in: Path) -> None:
    def without(values: dict[str, Any]) -> None:
        values["golden"] = {"clips": {}, "expected": {}, "tolerance": {}}

    change_manifest(stand_in, without)
    with open_bundle(stand_in) as bundle, pytest.raises(InputError, match="no golden clip"):
        checks._longest_golden_clip(bundle)
