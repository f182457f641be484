"""The verb: arguments, exit codes, signals, pipes; with the shipped bundle where it matters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from stream_fixtures import FakeEngine, FakePortAudio, PortAudioError

from edge_ser.audio.files import read_audio
from edge_ser.bundle import open_bundle
from edge_ser.cli import main
from edge_ser.runtime import load_engine

COMMAND = [sys.executable, "-m", "edge_ser", "stream"]


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """6.3 s of synthetic speech."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, synthetic_speech(6.3), 16_000)
    return path


def test_one_source_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--mic", "--file", "x.wav"], ["--mic", "--list-devices"]):
        with pytest.raises(SystemExit) as end:
            main(["stream", *words])
        assert end.value.code == 2
    assert "--list-devices" in capsys.readouterr().err


def test_the_microphone_runs_through_to_json(
    fake_portaudio: FakePortAudio, fake_model: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_portaudio.signal = np.repeat(synthetic_speech(9.0)[:, None], 1, axis=1)
    assert main(["stream", "--mic", "--json", "--duration", "2.5"]) == 0
    output = capsys.readouterr()
    readings = [json.loads(line) for line in output.out.splitlines()]
    assert readings[-1]["end_sample"] == 40_000
    assert len(readings) + readings[-1]["skipped"] == 4
    assert {reading["engine"] for reading in readings} == {"fake"}
    assert "wav2small (model.int8.tflite) on fake 1.0; audio from USB Audio" in output.err
    assert "over 2.5 s of audio" in output.err
    assert fake_portaudio.streams[0].closed


def test_a_pipe_gets_text_lines(
    speech: Path, fake_model: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "--file", str(speech)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert lines[0].endswith("partial") and "arousal" in lines[0]
    assert not lines[-1].endswith("partial")


def test_devices_are_listed(
    fake_portaudio: FakePortAudio, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "--list-devices"]) == 0
    assert "USB Audio: - (hw:1,0)" in capsys.readouterr().out


@pytest.mark.parametrize("verb", [["--mic"], ["--list-devices"]])
def test_no_microphone_is_exit_code_5(
    verb: list[str], fake_portaudio: FakePortAudio, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_portaudio.devices = []
    assert main(["stream", *verb]) == 5
    error = capsys.readouterr().err
    assert "no microphone found" in error and "hint:" in error


def test_a_busy_microphone_is_exit_code_5(
    fake_portaudio: FakePortAudio, fake_model: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_portaudio.refused = {None: PortAudioError("Device unavailable", -9985)}
    assert main(["stream", "--mic"]) == 5
    assert "busy" in capsys.readouterr().err


def test_an_unplugged_microphone_is_exit_code_5_after_its_readings(
    fake_portaudio: FakePortAudio, fake_model: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_portaudio.signal = np.ones((48_000 * 3, 1), dtype=np.float32)
    fake_portaudio.vanish_after_signal = True
    assert main(["stream", "--mic", "--json"]) == 5
    output = capsys.readouterr()
    assert "stopped delivering" in output.err


def test_no_portaudio_library_is_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["stream", "--mic"]) == 3
    assert "apt install libportaudio2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--window", "0.2"],
        ["--window", "61"],
        ["--hop", "0"],
        ["--hop", "nan"],
        ["--duration", "0.1"],
        ["--duration", "inf"],
        ["--duration", "nan"],
        ["--record", "heard.mp3"],
    ],
)
def test_impossible_options_are_exit_code_2(
    options: list[str], speech: Path, fake_model: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "--file", str(speech), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("edge-ser stream: ") and options[1] in error


def test_missing_files_and_bundles_are_exit_code_2(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "--file", str(tmp_path / "none.wav")]) == 2
    assert "none.wav" in capsys.readouterr().err
    assert main(["stream", "--file", str(speech), "--bundle", str(tmp_path / "none")]) == 2
    assert "no bundle" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["stream", "--file", str(speech), "--bundle", str(tmp_path / "empty")]) == 4


@pytest.mark.parametrize("window", [5.0, 1.5])
def test_the_verb_equals_the_engine_offline(
    speech: Path, exported_bundle: Path, window: float
) -> None:
    """The real model, in a process of its own: every reading, bit for bit."""
    result = subprocess.run(
        [
            *(*COMMAND, "--file", str(speech), "--json"),
            *("--bundle", str(exported_bundle), "--window", str(window)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    readings = [json.loads(line) for line in result.stdout.splitlines()]
    audio = read_audio(speech)
    with open_bundle(exported_bundle) as bundle:
        engine = load_engine(bundle)
    assert readings[-1]["end_sample"] == len(audio)
    for reading in readings:
        offline = engine.predict(audio[reading["start_sample"] : reading["end_sample"]])
        assert [reading["arousal"], reading["dominance"], reading["valence"]] == offline.tolist()
        assert (reading["engine"], reading["artefact"]) == (engine.name, engine.artefact)
    assert f"on {engine.name} {engine.version}" in result.stderr


def test_streaming_imports_no_training_library(speech: Path, exported_bundle: Path) -> None:
    program = (
        "import sys; from edge_ser.cli import main; "
        f"words = ['stream', '--file', {str(speech)!r}, '--bundle', {str(exported_bundle)!r}]; "
        "code = main(words); "
        "heavy = {'torch', 'onnx', 'tensorflow', 'librosa', 'scipy', 'transformers'} "
        "& set(sys.modules); "
        "print(heavy, file=sys.stderr); sys.exit(code or len(heavy))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(speech: Path, exported_bundle: Path, number: int) -> None:
    with subprocess.Popen(
        [*COMMAND, "--file", str(speech), "--realtime", "--json", "--bundle", str(exported_bundle)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["partial"]
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "window" in errors.splitlines()[-1] and "over" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    for line in output.splitlines():
        json.loads(line)


def test_a_reader_that_goes_away_is_no_error(speech: Path, exported_bundle: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--file", str(speech), "--realtime", "--json", "--bundle", str(exported_bundle)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read().decode()
        assert process.wait(timeout=30) == 0
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name != "posix", reason="closing standard input needs a POSIX shell")
def test_it_needs_no_standard_input(speech: Path, exported_bundle: Path) -> None:
    words = [*COMMAND, "--file", str(speech), "--json", "--bundle", str(exported_bundle)]
    result = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *words], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 12


def test_recording_is_announced(
    speech: Path, tmp_path: Path, fake_model: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = tmp_path / "heard.wav"
    assert main(["stream", "--file", str(speech), "--record", str(heard)]) == 0
    assert f"recording what the model hears into {heard}, 600 s at most" in capsys.readouterr().err
    np.testing.assert_array_equal(read_audio(heard), read_audio(speech))
    assert main(["stream", "--file", str(speech), "--record", str(heard)]) == 2
