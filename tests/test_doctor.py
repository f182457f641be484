"""`edge-ser doctor`: systems refused by name, runtimes really tried, verdict and exit code."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from edge_ser import __version__
from edge_ser.cli import main
from edge_ser.doctor import audio, runtimes
from edge_ser.doctor.examine import as_text, examine
from edge_ser.doctor.finding import Finding, Report
from edge_ser.doctor.packages import package_findings
from edge_ser.doctor.runtimes import ask_child, model_finding, runtime_findings
from edge_ser.doctor.stream import stream_findings
from edge_ser.doctor.system import System, system_findings, this_system
from edge_ser.errors import EnvironmentMissing
from edge_ser.runtime import default_artefact
from edge_ser.runtime.availability import EngineStatus
from edge_ser.stream.capture.devices import InputDevice

PI_64 = System((3, 13, 5), "Linux", "aarch64", 64, "glibc")


def _findings(system: System) -> dict[str, Finding]:
    return {finding.name: finding for finding in system_findings(system)}


def test_a_64_bit_pi_is_fine() -> None:
    assert {f.status for f in system_findings(PI_64)} == {"ok"}
    assert {f.status for f in system_findings(this_system())} <= {"ok", "warning"}


@pytest.mark.parametrize(
    ("machine", "bits", "named", "instead"),
    [
        ("armv7l", 32, "armv7l", "64-bit Raspberry Pi OS"),
        ("armv8l", 32, "armv8l", "64-bit Raspberry Pi OS"),
        ("aarch64", 32, "32-bit system on a 64-bit processor", "64-bit Raspberry Pi OS"),
        ("armv6l", 32, "Raspberry Pi 1, Zero, Zero W", "Zero 2 W"),
        ("i686", 32, "i686", "x86_64"),
        ("riscv64", 64, "riscv64", "aarch64"),
        ("", 64, "unknown", "aarch64"),
    ],
)
def test_other_processors_are_refused_by_name_with_what_to_use_instead(
    machine: str, bits: int, named: str, instead: str
) -> None:
    finding = _findings(System((3, 11, 2), "Linux", machine, bits, "glibc"))["processor"]
    assert finding.status == "fault" and finding.blocks("microphone") and finding.blocks("file")
    assert named in finding.detail and instead in finding.hint


def test_old_python_other_systems_and_musl() -> None:
    old = _findings(System((3, 9, 2), "Linux", "aarch64", 64, "glibc"))["Python"]
    assert old.blocks("file") and "3.11" in old.hint
    musl = _findings(System((3, 12, 0), "Linux", "x86_64", 64, ""))["operating system"]
    assert musl.status == "warning" and "Debian" in musl.hint
    mac = _findings(System((3, 12, 0), "Darwin", "arm64", 64, ""))
    assert mac["operating system"].status == "warning" and mac["processor"].status == "ok"


def test_versions_are_those_installed() -> None:
    findings = {finding.name: finding for finding in package_findings()}
    import numpy

    assert findings["edge-ser"].detail == __version__
    assert findings["numpy"].detail == numpy.__version__
    assert findings["numpy"].needed_for == ("microphone", "file")
    assert findings["torch"].needed_for == ()


# Runtimes


def _one(engine: str, findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if finding.name == engine)


def test_installed_runtimes_answer_on_a_real_bundle(exported_bundle: Path) -> None:
    findings = runtime_findings(exported_bundle)
    for engine in ("litert", "onnxruntime"):
        finding = _one(engine, findings)
        artefact = default_artefact(engine)
        assert finding.status == "ok", finding
        assert artefact in finding.detail and "ms for 5 s of audio" in finding.detail


def test_without_a_bundle_nothing_is_known_to_work() -> None:
    report = Report(tuple(runtime_findings(None)))
    assert _one("litert", list(report.findings)).status == "warning"
    assert not report.can_stream("file")


def _ends(code: int, out: str = "", err: str = "") -> Callable[..., object]:
    return lambda engine, bundle: subprocess.CompletedProcess([], code, out, err)


@pytest.mark.parametrize(
    ("code", "out", "err", "detail", "hint"),
    [
        (-4, "", "", "SIGILL", "instructions"),
        (-11, "", "", "SIGSEGV", "another runtime"),
        (4, "", "warning\nmodel is corrupt\n", "model is corrupt", "reinstall"),
        (1, "", "", "no reason given", "reinstall"),
        (0, '{"finite": false}\n', "", "not numbers", "another runtime"),
    ],
)
def test_a_runtime_that_fails_is_a_fault_not_a_crash(
    tmp_path: Path, code: int, out: str, err: str, detail: str, hint: str
) -> None:
    finding = _one("litert", runtime_findings(tmp_path, _ends(code, out, err)))  # type: ignore[arg-type]
    assert finding.status == "fault"
    assert detail in finding.detail and hint in finding.hint


def test_a_runtime_that_hangs_or_cannot_start_is_a_fault(tmp_path: Path) -> None:
    for error in (subprocess.TimeoutExpired("probe", 1), OSError("Exec format error")):

        def ask(engine: str, bundle: Path, error: Exception = error) -> None:
            raise error

        finding = _one("litert", runtime_findings(tmp_path, ask))  # type: ignore[arg-type]
        assert finding.status == "fault" and "could not be tried" in finding.detail


def test_the_probe_says_why_it_fails(tmp_path: Path) -> None:
    done = ask_child("litert", tmp_path / "absent")
    assert done.returncode == 2
    assert "no bundle" in done.stderr and "Traceback" not in done.stderr


def test_tflite_runtime_beside_numpy_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clash = EngineStatus("tflite-runtime", "2.14.0", "needs numpy < 2", "pip install 'numpy<2'")
    monkeypatch.setattr(runtimes, "installed_version", lambda name: clash)
    finding = _one("tflite-runtime", runtime_findings(tmp_path))
    assert (finding.status, finding.hint) == ("fault", "pip install 'numpy<2'")


def test_model_present_damaged_or_absent(stand_in: Path, tmp_path: Path) -> None:
    assert model_finding(stand_in).status == "ok"
    (stand_in / "model.int8.tflite").write_bytes(b"")
    assert "model.int8.tflite" in model_finding(stand_in).detail
    assert model_finding(stand_in).blocks("microphone")
    assert model_finding(tmp_path / "absent").status == "fault"


# Audio


def _devices(*names: str) -> list[InputDevice]:
    return [InputDevice(i, name, "ALSA", 1, 48_000.0, i == 0) for i, name in enumerate(names)]


def _sounddevice() -> ModuleType:
    return SimpleNamespace(get_portaudio_version=lambda: (1, "PortAudio V19"))  # type: ignore[return-value]


def test_a_missing_receiver_rules_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.metadata.version

    def version(name: str) -> str:
        if name == "paho-mqtt":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    findings = {finding.name: finding for finding in stream_findings()}
    mqtt = findings.pop("paho-mqtt")
    assert (mqtt.status, mqtt.needed_for) == ("absent", ())
    assert mqtt.hint == "for MQTT: pip install 'edge-ser[outputs]'"
    assert {finding.status for finding in findings.values()} == {"ok"}


def test_microphones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "load_portaudio", _sounddevice)
    monkeypatch.setattr(audio, "input_devices", lambda module: _devices("USB", "HAT"))
    found = {finding.name: finding for finding in audio.audio_findings()}
    assert found["microphones"].detail == "2: USB; HAT"
    assert found["PortAudio"].detail == "PortAudio V19"


def test_no_microphone_rules_out_the_microphone_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "load_portaudio", _sounddevice)
    monkeypatch.setattr(audio, "input_devices", lambda module: _devices())
    runtime = Finding("runtimes", "litert", "ok", "2.3.0")
    report = Report((runtime, *audio.audio_findings()))
    assert report.can_stream("file") and not report.can_stream("microphone")


def test_missing_portaudio_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> ModuleType:
        raise EnvironmentMissing("PortAudio library not found", "sudo apt install libportaudio2")

    monkeypatch.setattr(audio, "load_portaudio", missing)
    found = {finding.name: finding for finding in audio.audio_findings()}
    assert "libportaudio2" in found["PortAudio"].hint
    assert found["PortAudio"].needed_for == ("microphone",)


def test_missing_package_is_a_fault_for_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    found = {finding.name: finding for finding in audio.audio_findings()}
    assert found["soundfile"].blocks("file") and not found["soundfile"].blocks("microphone")
    assert "pip install" in found["soundfile"].hint


# The verb


def _all_well() -> Report:
    return Report(
        (
            Finding("runtimes", "litert", "ok", "2.3.0"),
            Finding("runtimes", "onnxruntime", "absent", "not installed", "pip install it"),
            Finding("audio", "microphones", "ok", "1: USB", "", ("microphone",)),
        )
    )


def test_exit_code_and_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edge_ser.doctor.examine.examine", lambda bundle: _all_well())
    assert main(["doctor", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["can_stream_microphone"] is True
    assert [f["name"] for f in values["findings"]] == ["litert", "onnxruntime", "microphones"]
    bad = Report((Finding("audio", "microphones", "absent", "none", "buy one", ("microphone",)),))
    monkeypatch.setattr("edge_ser.doctor.examine.examine", lambda bundle: bad)
    assert main(["doctor"]) == 3
    out = capsys.readouterr().out
    assert "-> buy one" in out and "microphone does not work here yet" in out


def test_no_advice_about_runtimes_that_are_not_needed() -> None:
    text = as_text(_all_well())
    assert "pip install it" not in text
    assert "streaming from a microphone works here" in text


def test_examination_of_this_machine(exported_bundle: Path) -> None:
    report = examine(exported_bundle)
    areas = list(dict.fromkeys(finding.area for finding in report.findings))
    assert areas == ["system", "packages", "model", "runtimes", "audio", "stream"]
    assert all(finding.hint for finding in report.findings if finding.status == "fault")
    assert json.loads(json.dumps(report.to_dict()))["can_stream_file"] == report.can_stream("file")
