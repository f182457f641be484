"""The bundle on emulated devices: the runtimes' real aarch64 and armv7 wheels, under qemu-user.

The first run downloads a Debian system and the wheels (about 80 MB and 110 MB unpacked per
runtime) into the user's cache; EDGE_SER_DEVICE_CACHE names another folder.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from bundle_fixtures import change_manifest

from device_tests import checks, sysroot
from device_tests.cached import default_cache
from device_tests.devices import DEVICES, Device
from device_tests.emulator import run_python
from device_tests.host_tools import missing_packages
from edge_ser.bundle import open_bundle
from edge_ser.errors import EnvironmentMissing

MISSING = " ".join(sorted({name for dev in DEVICES.values() for name in missing_packages(dev)}))

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(
        bool(MISSING), reason=f"emulating a device needs: sudo apt-get install {MISSING}"
    ),
]

RUNS = [
    pytest.param(device, engine, id=f"{device.name}-{engine}")
    for device in DEVICES.values()
    for engine in device.engines
]


@pytest.fixture(scope="session")
def cache() -> Path:
    return Path(os.environ.get("EDGE_SER_DEVICE_CACHE") or default_cache())


def bundle_for(device: Device, exported: Path, folder: Path) -> Path:
    """The exported bundle as if it had been made for the device: the models are the same."""
    copy = Path(shutil.copytree(exported, folder / "bundle"))
    change_manifest(copy, lambda manifest: manifest.update(target=device.target))
    return copy


@pytest.mark.parametrize(("device", "engine"), RUNS)
def test_golden_vectors_and_stream(
    device: Device, engine: str, exported_bundle: Path, cache: Path, tmp_path: Path
) -> None:
    bundle = bundle_for(device, exported_bundle, tmp_path)
    report = checks.run_bundle(device, bundle, (engine,), cache)
    assert report.passed, report.to_json()
    golden = [check for check in report.checks if check.kind == "golden"]
    streamed = [check for check in report.checks if check.kind == "stream"]
    assert len(golden) == 3 and all(check.cases >= 3 for check in golden)
    assert len(streamed) == 1 and streamed[0].cases >= 5
    assert {check.engine for check in report.checks} == {engine}


@pytest.mark.parametrize(
    ("name", "engine", "machine"),
    [("rpi-aarch64", "litert", "aarch64"), ("rpi-armv7", "tflite-runtime", "armv7l")],
)
def test_the_process_believes_it_runs_on_arm(
    name: str, engine: str, machine: str, exported_bundle: Path, cache: Path
) -> None:
    device = DEVICES[name]
    with open_bundle(exported_bundle) as bundle:
        files = sysroot.prepare(device, bundle, engine, cache)
    script = "import platform, sys; print(platform.machine(), *sys.version_info[:2])"
    assert run_python(device, files, ["-c", script]).stdout.split() == [machine, "3", "11"]


def test_sound_files_are_read_with_the_devices_library_not_the_hosts(
    exported_bundle: Path, cache: Path
) -> None:
    """The armv7 soundfile is Debian's and asks the host's ldconfig, where nothing may be found."""
    device = DEVICES["rpi-armv7"]
    with open_bundle(exported_bundle) as bundle:
        files = sysroot.prepare(device, bundle, "tflite-runtime", cache)
    script = """
import ctypes.util
ctypes.util.find_library = lambda name: None
import soundfile
print(soundfile.__libsndfile_version__)
"""
    assert run_python(device, files, ["-c", script]).stdout.strip() == "1.2.0"


def test_wrong_golden_values_are_noticed(
    bundle_copy: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clip, half a unit off: the command must say FAILED and exit with 1."""
    from edge_ser.cli import main

    clip = "short-speech"

    def spoil(manifest: dict[str, Any]) -> None:
        golden = manifest["golden"]
        golden["clips"] = {clip: golden["clips"][clip]}
        for key, values in golden["expected"].items():
            arousal, dominance, valence = values[clip]
            golden["expected"][key] = {clip: [arousal + 0.5, dominance, valence]}

    change_manifest(bundle_copy, spoil)
    words = ["device-test", str(bundle_copy), "--engine", "litert", "--cache", str(cache)]
    report = bundle_copy.parent / "report.json"
    assert main([*words, "--report", str(report)]) == 1
    printed = capsys.readouterr().out
    assert "FAIL  litert" in printed and "ok    litert" in printed
    assert '"passed": false' in report.read_text()


def test_unreachable_mirror_is_an_understandable_failure(
    exported_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(EnvironmentMissing, match="apt-get failed"):
        checks.run_bundle(
            DEVICES["rpi-aarch64"],
            exported_bundle,
            ("litert",),
            tmp_path / "cache",
            "http://127.0.0.1:9/debian",
        )
    assert list((tmp_path / "cache").iterdir()) == []
