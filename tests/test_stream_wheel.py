"""The built wheel on a device: an environment with the `rpi` extra and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest
import soundfile
from conftest import synthetic_speech
from test_packaging import WHEEL_LIMIT_BYTES, build_wheel

from edge_ser.audio.files import read_audio
from edge_ser.bundle import open_bundle
from edge_ser.errors import EnvironmentMissing
from edge_ser.models import shipped
from edge_ser.runtime import default_artefact, load_engine

pytestmark = pytest.mark.slow

ABSENT_MODULES = (
    *("torch", "onnx", "onnxruntime", "scipy", "matplotlib", "litert_torch"),
    *("paho", "websockets", "prometheus_client", "pythonosc", "pylibsrtp"),
)


@pytest.fixture(scope="module")
def device(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin` of a fresh virtual environment with the wheel and its `rpi` extra, as tested."""
    folder = tmp_path_factory.mktemp("device")
    wheel = build_wheel(repository, folder / "wheel")
    assert wheel.stat().st_size <= WHEEL_LIMIT_BYTES
    venv.create(folder / "environment", with_pip=True)
    binaries = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
    command = [str(binaries / "python"), "-m", "pip", "install", "--quiet"]
    command += ["--constraint", str(repository / "constraints.txt"), f"{wheel}[rpi]"]
    subprocess.run(command, check=True)
    return binaries


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """6.3 s of synthetic speech."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, synthetic_speech(6.3), 16_000)
    return path


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command outside of the source tree, which must not help by lying on the path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)


def streamed(device: Path, speech: Path, *options: str) -> list[dict[str, Any]]:
    """Readings of the installed verb."""
    command = [str(device / "edge-ser"), "stream", "--file", str(speech), "--json", *options]
    result = run(command, speech.parent)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_nothing_else_is_installed(device: Path, tmp_path: Path) -> None:
    program = (
        "import importlib.util, edge_ser; print(edge_ser.__file__); "
        f"print([m for m in {ABSENT_MODULES} if importlib.util.find_spec(m)])"
    )
    result = run([str(device / "python"), "-c", program], tmp_path)
    where, found = result.stdout.splitlines()
    assert Path(where).is_relative_to(device.parent)
    assert found == "[]"


def test_the_bundle_of_a_workstation_streams(
    device: Path, speech: Path, exported_bundle: Path
) -> None:
    """The same values as in the development environment, bit for bit."""
    options = ("--bundle", str(exported_bundle), "--vad", "off", "--level", "window")
    readings = streamed(device, speech, *options)
    assert len(readings) == 12
    audio = read_audio(speech)
    with open_bundle(exported_bundle) as bundle:
        engine = load_engine(bundle, "litert")
    for reading in readings:
        offline = engine.predict(audio[reading["start_sample"] : reading["end_sample"]])
        assert [reading["arousal"], reading["dominance"], reading["valence"]] == offline.tolist()
        assert (reading["engine"], reading["engine_version"]) == (engine.name, engine.version)


def test_the_bundle_in_the_wheel_streams(device: Path, speech: Path) -> None:
    try:
        shipped("bundle")
    except EnvironmentMissing:
        pytest.skip("no bundle in edge_ser/models (make one: edge-ser export --target rpi)")
    readings = streamed(device, speech, "--vad", "on")
    assert len(readings) == 12
    assert readings[-1]["artefact"] == default_artefact("litert")
    assert all(0 <= reading["speech_share"] <= 1 for reading in readings)


@pytest.mark.parametrize("words", [["--web"], ["--mqtt", "localhost"], ["--osc", "localhost:9000"]])
def test_a_receiver_whose_package_is_missing_is_named(
    device: Path, speech: Path, words: list[str]
) -> None:
    result = run([str(device / "edge-ser"), "stream", "--file", str(speech), *words], speech.parent)
    assert result.returncode == 3, result.stderr
    assert "pip install 'edge-ser[outputs]'" in result.stderr


def test_the_microphone_is_reached_or_missed_by_name(device: Path, tmp_path: Path) -> None:
    """No traceback, whatever this machine has: microphones, none, or no PortAudio."""
    result = run([str(device / "edge-ser"), "stream", "--list-devices"], tmp_path)
    assert "Traceback" not in result.stderr
    expected = {0: "microphone", 3: "libportaudio2", 5: "no microphone found"}
    assert expected[result.returncode] in result.stdout + result.stderr
