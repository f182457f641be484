"""The verb: arguments, exit codes, signals, pipes; with the shipped bundle where it matters."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from offline_pass import FRAME, assert_read_as_offline
from stream_fixtures import FakeEngine, FakePortAudio, PortAudioError

from edge_ser import DIMENSIONS
from edge_ser.audio.files import read_audio
from edge_ser.bundle import open_bundle
from edge_ser.cli import main
from edge_ser.cli import stream as stream_cli
from edge_ser.runtime import load_engine

COMMAND = [sys.executable, "-m", "edge_ser", "stream"]


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """6.3 s of synthetic speech."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, synthetic_speech(6.3), 16_000)
    return path


def test_one_source_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--mic", "--file", "x.wav"], ["--mic", "--list-devices"]):
        with pytest.raises(SystemExit) as end:
            main(["stream", *words])
        assert end.value.code == 2
    assert "--list-devices" in capsys.readouterr().err
    assert main(["stream"]) == 2
    assert "--websocket" in capsys.readouterr().err


def test_the_microphone_runs_through_to_json(
    fake_portaudio: FakePortAudio, fake_model: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_portaudio.signal = np.repeat(synthetic_speech(9.0)[:, None], 1, axis=1)
    assert main(["stream", "--mic", "--json", "--duration", "2.5"]) == 0
    output = capsys.readouterr()
    readings = [json.loads(line) for line in output.out.splitlines()]
    assert readings[-1]["end_sample"] == 40_000
    assert [reading["t"] for reading in readings] == [1.0, 1.5, 2.0, 2.5]
    assert {reading["engine"] for reading in readings} == {"fake"}
    assert {reading["state"] for reading in readings} == {"speech"}
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
    assert main(["stream", "--mic", "--json", "--no-reconnect"]) == 5
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
        ["--min-speech", "1.5"],
        ["--min-confidence", "-0.1"],
        ["--smooth", "soon"],
        ["--baseline", "5"],
        ["--on", "happiness > 0.5"],
        ["--on", "arousal > 0.5 for ages"],
        ["--web", "0.0.0.0:8765"],
        ["--web", "nonsense"],
        ["--osc", "nonsense"],
    ],
)
def test_impossible_options_are_exit_code_2(
    options: list[str], speech: Path, fake_model: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "--file", str(speech), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("edge-ser stream: ") and options[1].split(":")[0] in error


def test_missing_files_and_bundles_are_exit_code_2(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "--file", str(tmp_path / "none.wav")]) == 2
    assert "none.wav" in capsys.readouterr().err
    assert main(["stream", "--file", str(speech), "--bundle", str(tmp_path / "none")]) == 2
    assert "no bundle" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["stream", "--file", str(speech), "--bundle", str(tmp_path / "empty")]) == 4


def stream(*words: str | Path) -> tuple[list[dict[str, Any]], str]:
    """Readings and standard error of the verb in a process of its own."""
    result = subprocess.run(
        [*COMMAND, "--json", *map(str, words)], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def values(reading: dict[str, Any]) -> list[float]:
    """A/D/V."""
    return [reading[name] for name in DIMENSIONS]


@pytest.mark.parametrize("window", [5.0, 1.5])
def test_the_verb_equals_one_offline_pass_pooled_over_each_window(
    speech: Path, exported_bundle: Path, window: float
) -> None:
    """The real model, in a process of its own, against the whole signal's log-mel."""
    readings, errors = stream(
        *("--file", speech, "--bundle", exported_bundle, "--window", str(window)),
        *("--vad", "off", "--engine", "litert"),
    )
    audio = read_audio(speech)
    assert_read_as_offline(readings, audio, exported_bundle)
    assert readings[-1]["end_sample"] >= len(audio) - 2 * FRAME
    assert f"on litert {readings[-1]['engine_version']}" in errors and "running level" in errors


@pytest.mark.parametrize("window", [5.0, 1.5])
def test_the_window_level_equals_the_engine_offline(
    speech: Path, exported_bundle: Path, window: float
) -> None:
    """Each reading is what `evaluate` says of a file with its samples, bit for bit."""
    readings, errors = stream(
        *("--file", speech, "--bundle", exported_bundle, "--window", str(window)),
        *("--vad", "off", "--level", "window"),
    )
    audio = read_audio(speech)
    with open_bundle(exported_bundle) as bundle:
        engine = load_engine(bundle)
    assert readings[-1]["end_sample"] == len(audio)
    for reading in readings:
        offline = engine.predict(audio[reading["start_sample"] : reading["end_sample"]])
        assert values(reading) == offline.tolist()
        assert (reading["engine"], reading["artefact"]) == (engine.name, engine.artefact)
    assert f"on {engine.name} {engine.version}" in errors and "window level" in errors


def test_a_configuration_file_and_the_command_line_merge(speech: Path, tmp_path: Path) -> None:
    config = tmp_path / "stream.toml"
    config.write_text(
        '[input]\nmic = true\n[model]\nwindow = 2\nhop = 1\n[meaning]\nvad = "off"\n'
        '[output]\nstdout = "json"\n[[rules]]\nwhen = "arousal > -1"\nname = "always"\n'
    )
    result = subprocess.run(
        [*COMMAND, "--config", str(config), "--file", str(speech), "--hop", "2"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["t"] for line in lines if line["type"] == "reading"][:3] == [2.0, 4.0, 6.0]
    events = [(line["name"], line["active"]) for line in lines if line["type"] == "event"]
    assert events == [("always", True), ("always", False)]
    assert "window 2 s, hop 2 s" in result.stderr


def test_the_example_configuration_can_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "--example-config"]) == 0
    config = tmp_path / "stream.toml"
    config.write_text(capsys.readouterr().out)
    assert main(["stream", "--config", str(config), "--check-config"]) == 0
    assert "can be used" in capsys.readouterr().out


def test_a_least_confidence_needs_something_that_computes_one(
    speech: Path, exported_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--min-confidence", "0.5", "--no-confidence", "--bundle", str(exported_bundle)]
    assert main(["stream", "--file", str(speech), *words]) == 2
    assert "leave --no-confidence out" in capsys.readouterr().err


def test_an_action_needs_a_rule_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["stream", "--mic", "--exec", "true"])
    assert end.value.code == 2
    assert "belongs behind the --on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--mqtt", "broker"], {"host": "broker"}),
        (["--mqtt", "broker:1884", "--mqtt-tls"], {"host": "broker", "port": 1884, "tls": True}),
        (["--mqtt", "[::1]:1884"], {"host": "::1", "port": 1884}),
        (["--mqtt", "::1"], {"host": "::1"}),
    ],
)
def test_brokers_are_named_with_or_without_a_port(
    words: list[str], expected: dict[str, Any]
) -> None:
    parser = argparse.ArgumentParser()
    stream_cli.add_arguments(parser)
    assert stream_cli._nested(vars(parser.parse_args(["--mic", *words])), {})["output"] == {
        "mqtt": expected
    }


def test_rate_and_channels_belong_to_the_source() -> None:
    parser = argparse.ArgumentParser()
    stream_cli.add_arguments(parser)
    words = ["--rate", "44100", "--channels", "2"]
    wanted = {"rate": 44_100, "channels": 2}

    def nested(*source: str, **config: Any) -> Any:
        return stream_cli._nested(vars(parser.parse_args([*source, *words])), {"input": config})

    assert nested("--mic") == {"input": {"mic": True, **wanted}}
    assert nested("--pcm") == {"input": {"pcm": True, "samples": wanted}}
    for network in ("rtp", "udp", "websocket"):
        given = {network: "localhost:1", "samples": wanted}
        assert nested(f"--{network}", "localhost:1") == {"input": given}
    # Without a source on the command line the configuration's counts.
    assert nested(udp="localhost:1") == {"input": {"samples": wanted}}
    assert nested(mic=True) == {"input": wanted}
    assert nested("--mic", pcm=True) == {"input": {"mic": True, **wanted}}


@pytest.mark.parametrize(
    "words", ["--mic --rate inf", "--mic --rate nan", "--pcm --rate inf", "--pcm --rate 44100.5"]
)
def test_a_rate_that_is_none_is_refused_in_words(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", *words.split(), "--check-config"]) == 2
    assert "rate" in capsys.readouterr().err


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
def test_a_full_disk_behind_standard_output_is_named(speech: Path, exported_bundle: Path) -> None:
    command = [*COMMAND, "--file", str(speech), "--json", "--bundle", str(exported_bundle)]
    with open("/dev/full", "wb") as full:
        answer = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert answer.returncode == 2
    assert "standard output cannot be written: No space left on device\n  hint: " in answer.stderr
    assert "Traceback" not in answer.stderr


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
