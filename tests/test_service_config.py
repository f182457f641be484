"""`--config`: what a file may say, who wins, and that each mistake is named with its place."""

from __future__ import annotations

import argparse
import os
import re
import socket
import string
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_fixtures import FakePortAudio

from edge_ser.cli import main
from edge_ser.cli import stream as stream_cli
from edge_ser.errors import InputError
from edge_ser.stream.durations import UNITS, parse_duration
from edge_ser.stream.options import MqttOptions, RuleOptions, StreamOptions
from edge_ser.stream.service.config import example_config, load_config, merged
from edge_ser.stream.service.tables import key_paths
from edge_ser.stream.sinks.appended_file import AppendedFile
from firmware_export import run_files

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For a machine with other things to do: no limit on time says anything about these."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where configurations lie."""
    return tmp_path


def written(folder: Path, text: str | bytes) -> Path:
    """A file of this content."""
    path = folder / "stream.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def options(folder: Path, text: str, **command_line: Any) -> StreamOptions:
    """What file and command line come to."""
    return merged(load_config(written(folder, text)), command_line)


def refusal(folder: Path, text: str | bytes) -> str:
    """Message and hint of the error that a file must cause."""
    with pytest.raises(InputError) as caught:
        merged(load_config(written(folder, text)), {"input": {"mic": True}})
    assert str(caught.value).isprintable()
    return f"{caught.value} | {caught.value.hint}"


FULL = """
duration = "8h"
[input]
mic = true
rate = 48000
[model]
window = 3
hop = "250ms"
[meaning]
baseline = "10m"
[[rules]]
when = "arousal > 0.65 for 3s"
exec = "aplay calm.wav"
[[rules]]
when = "valence < 0.3"
[output]
csv = "logs/readings.csv"
json_file = "~/readings.jsonl"
[output.web]
origins = ["https://home.example"]
[output.mqtt]
host = "broker"
discovery = false
[log]
format = "json"
"""


def test_a_file_becomes_options(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    found = options(folder, FULL)
    assert found.duration == 8 * 3600
    assert (found.model.window, found.model.hop) == (3.0, 0.25)
    assert found.input.rate == 48_000.0 and isinstance(found.input.rate, float)
    assert found.meaning.baseline == 600.0
    assert found.rules == (
        RuleOptions("arousal > 0.65 for 3s", exec="aplay calm.wav"),
        RuleOptions("valence < 0.3"),
    )
    assert found.output.csv == folder / "logs" / "readings.csv"
    assert found.output.json_file == folder / "home" / "readings.jsonl"
    assert found.output.web is not None and found.output.web.listen == "127.0.0.1:8765"
    assert found.output.web.origins == ("https://home.example",)
    assert found.output.mqtt == MqttOptions("broker", discovery=None)
    assert found.log.format == "json"


def test_paths_start_from_the_files_folder_and_not_from_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "elsewhere").mkdir()
    written(folder, "[input]\nmic = true\n[output]\ncsv = 'a.csv'\n[model]\nbundle = '/b'\n")
    monkeypatch.chdir(folder)
    found = load_config(Path("stream.toml"))
    monkeypatch.chdir(folder / "elsewhere")
    given = {"output": {"json_file": "b.jsonl"}}
    assert merged(found, given).output.csv == folder / "a.csv"
    assert merged(found, given).output.json_file == Path("b.jsonl")
    assert merged(found, given).model.bundle == Path("/b")


def test_the_command_line_wins_key_by_key(folder: Path) -> None:
    found = options(
        folder,
        FULL,
        model={"hop": "1"},
        output={"mqtt": {"port": 1884}, "stdout": "json"},
        rules=[{"when": "speech > 0.5", "name": "talk"}],
        log={"level": "debug"},
    )
    assert (found.model.window, found.model.hop) == (3.0, 1.0)
    assert found.output.mqtt == MqttOptions("broker", port=1884, discovery=None)
    assert found.output.csv is not None
    assert found.rules == (RuleOptions("speech > 0.5", name="talk"),)
    assert (found.log.format, found.log.level) == ("json", "debug")


def test_actions_belong_to_the_rule_before_them() -> None:
    parser = argparse.ArgumentParser()
    stream_cli.add_arguments(parser)
    words = ["--on", "speech > 0.5", "--on", "level > -20", "--webhook-file", "url", "--name", "a"]
    nested = stream_cli._nested(vars(parser.parse_args(["--mic", *words])), {})
    assert merged({}, nested).rules == (
        RuleOptions("speech > 0.5"),
        RuleOptions("level > -20", name="a", webhook_file=Path("url")),
    )


def test_a_source_on_the_command_line_replaces_the_files(folder: Path) -> None:
    found = options(folder, FULL, input={"pcm": True})
    assert found.input.pcm and not found.input.mic
    assert found.input.rate == 48_000.0


def test_what_the_file_lacks_may_come_from_the_command_line(folder: Path) -> None:
    text = "[output.mqtt]\nuser = 'pi'\n"
    with pytest.raises(InputError, match="one source of audio"):
        options(folder, "")
    with pytest.raises(InputError, match=r"\[output\.mqtt\] lacks the key 'host'"):
        options(folder, text, input={"mic": True})
    found = options(folder, text, input={"mic": True}, output={"mqtt": {"host": "h"}})
    assert found.output.mqtt == MqttOptions("h", user="pi")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[model]\nhopp = 1", ["[model] has the unknown key 'hopp'", "did you mean model.hop?"]),
        ("mic = true", ["top level has the unknown key 'mic'", "did you mean input.mic?"]),
        ("[output]\nhost = 'x'", ["did you mean output.mqtt.host?"]),
        ("[output.mqtt]\npassword = 'x'", ["did you mean output.mqtt.password_file?"]),
        ("[colour]\nred = 1", ["unknown key 'colour'", "possible here: input, model"]),
        ("[model]\nthreads = 'two'", ["model.threads is 'two'", "a whole number"]),
        ("[model]\nthreads = true", ["model.threads is True", "a whole number"]),
        ("[model]\nhop = true", ["model.hop is True", "a time: a number of seconds"]),
        ("[model]\nhop = '3 days'", ["model.hop: '3 days' is not a duration", "10m"]),
        ("[model]\nhop = nan", ["model.hop is nan"]),
        ("[model]\nhop = inf", ["model.hop is inf"]),
        ("[input]\ndevice = 2", ["input.device is 2", "a text, in quotes"]),
        ("[input]\nmic = 'yes'", ["input.mic is 'yes'", "true or false"]),
        ("[meaning]\nvad = 'of'", ["meaning.vad is 'of'", '"auto" or "on" or "off"']),
        ("[output]\ncsv = 3", ["output.csv is 3"]),
        ("[output]\ncsv = '~nobody-of-that-name/x'", ["home folder is not known"]),
        ("[output]\nweb = true", ["output.web is True", "a table: [output.web]"]),
        ("[output.web]\norigins = 'x'", ["output.web.origins is 'x'", "a list"]),
        ("[output.web]\norigins = [1]", ["output.web.origins[0] is 1"]),
        ("[rules]\nwhen = 'x'", ["rules is {'when': 'x'}", "tables: [[rules]]"]),
        ("[[rules]]\nname = 'x'", ["stream.toml: the table [rules[0]] lacks the key 'when'"]),
        ("model = 1", ["model is 1", "a table: [model]"]),
        ('[[rules]]\nwhen = "a\\u001b[2Jb"', ["rules[0].when", "without control characters"]),
        ("[model]\nhop = 2026-11-24", ["model.hop is datetime.date(2026, 11, 24)"]),
        ("[model]\nhop = 0.001", ["stream.toml: a hop of 0.001 s is not supported", "use 0.05"]),
        ("[model]\nthreads = 0", ["stream.toml: ", "threads"]),
        ("[meaning]\nmin_speech = 30", ["a share of speech of 30 is not supported"]),
        ("[input]\nmic = true\nfile = 'x'", ["one source of audio must be named"]),
        ("[output.mqtt]\nhost = 'x'\nport = 0", ["an MQTT port of 0"]),
        ("duration = 0", ["a duration of 0 s"]),
        (f"[model]\nthreads = {10**400}", ["model.threads is 1000", "a whole number"]),
        (f"[model]\nthreads = {'9' * 5000}", ["stream.toml: ", "limit"]),
        ("[model]\nhop = 1e999", ["model.hop is inf"]),
    ],
)
def test_a_mistake_is_named_with_its_place(folder: Path, text: str, words: list[str]) -> None:
    message = refusal(folder, text)
    assert str(folder / "stream.toml") in message
    for part in words:
        assert part in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[model]\nhop = 1\nhop = 2", "stream.toml:3:8: Cannot overwrite a value"),
        ("[model]\nhop = \n", "stream.toml:2:7: Invalid value"),
        ("[model]\n[model]", "stream.toml:2:7: Cannot declare"),
        ("[model\n", "stream.toml:1:7: "),
        ("x = '", 'stream.toml: Expected "\'" (at end of document)'),
        ("x = 2026-02-31", "stream.toml:1:5: Invalid date"),
        ("a\x00b = 1", "stream.toml:1:2: "),
        (b"[model]\n# \xff\xfe\n", "stream.toml:2: not UTF-8"),
        (b"PK\x03\x04\xff\x00\x00", "stream.toml:1: not UTF-8"),
        ("x = " + "[" * 100_000, "nested too deeply"),
        ("#" * 1_000_001, "more than 1,000,000 bytes"),
    ],
)
def test_what_is_no_toml_is_named_with_line_and_column(
    folder: Path, text: str | bytes, words: str
) -> None:
    assert words in refusal(folder, text)


def test_a_file_that_cannot_be_read(folder: Path) -> None:
    for path in (folder / "none.toml", folder):
        with pytest.raises(InputError, match="cannot be read") as caught:
            load_config(path)
        assert "--example-config" in caught.value.hint


def test_a_byte_order_mark_is_no_part_of_the_first_key(folder: Path) -> None:
    assert load_config(written(folder, b"\xef\xbb\xbfduration = 5")) == {"duration": 5.0}


values = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.sampled_from(["on", "auto", "5s", "json", "127.0.0.1:1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
tables = st.recursive(
    values,
    lambda inner: st.dictionaries(
        st.sampled_from([part for path in key_paths(StreamOptions) for part in path.split(".")]),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)


@unhurried
@given(st.dictionaries(st.sampled_from(["input", "model", "output", "rules", "log"]), tables))
def test_no_table_causes_anything_but_options_or_a_printable_error(table: dict[str, Any]) -> None:
    try:
        found = merged({}, table)
    except InputError as error:
        assert f"{error}{error.hint}".isprintable()
    else:
        assert isinstance(found, StreamOptions)


@unhurried
@given(st.text(st.characters() | st.sampled_from("[]=\"'.\n#"), max_size=80) | st.binary())
def test_no_file_causes_anything_but_a_printable_error(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "stream.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    try:
        load_config(path)
    except InputError as error:
        assert f"{error}{error.hint}".isprintable()


KEY = re.compile(r"^(# )?(?=[a-z_0-9]+ = |\[)(.*)$", re.MULTILINE)


def uncommented(text: str) -> dict[str, Any]:
    """The example with every key in force."""
    return tomllib.loads(KEY.sub(lambda match: match[2], text))


def key_paths_of(table: dict[str, Any], prefix: str = "") -> set[str]:
    """As `key_paths`, of a parsed file."""
    found: set[str] = set()
    for key, value in table.items():
        inner = value[0] if isinstance(value, list) and value else value
        nested = isinstance(inner, dict)
        found |= key_paths_of(inner, f"{prefix}{key}.") if nested else {prefix + key}
    return found


def test_the_example_names_every_key_and_no_other() -> None:
    assert key_paths_of(uncommented(example_config())) == set(key_paths(StreamOptions))


def test_the_example_works_as_it_is(folder: Path) -> None:
    assert options(folder, example_config()) == merged({}, {"input": {"mic": True}})


def test_the_examples_defaults_are_the_real_ones(folder: Path) -> None:
    """What has a default is shown with it: in force or commented out, nothing changes."""
    shown = uncommented(example_config())
    plain = merged({}, {"input": {"mic": True}})
    for table in ("meaning", "log"):
        for key, value in shown[table].items():
            default = getattr(getattr(plain, table), key)
            assert default is None or default == value, f"{table}.{key}"
    for key in ("threads", "level"):
        assert getattr(plain.model, key) == shown["model"][key]
    for key, value in shown["input"]["samples"].items():
        assert getattr(plain.input.samples, key) == value
    mqtt = MqttOptions(shown["output"]["mqtt"]["host"])
    for key in ("topic", "tls", "discovery"):
        assert getattr(mqtt, key) == shown["output"]["mqtt"][key]


def test_the_examples_lines_fit_a_terminal() -> None:
    assert max(map(len, example_config().splitlines())) <= 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("3s", 3), ("500ms", 0.5), ("10m", 600), (" 1.5 H ", 5400), (".5", 0.5), ("2.", 2)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@unhurried
@given(st.floats(0, 1e6), st.sampled_from(sorted(UNITS)))
def test_a_duration_is_its_number_times_its_unit(number: float, unit: str) -> None:
    text = f"{number:.6f}"
    assert parse_duration(text + unit) == float(text) * UNITS[unit]


@unhurried
@given(st.text(string.printable, max_size=40))
def test_no_text_is_a_negative_or_endless_duration(text: str) -> None:
    try:
        assert 0 <= parse_duration(text) < float("inf")
    except InputError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize(
    "text", ["", "-1s", "1h30m", "3 days", "nan", "inf", "1e3", "٣s", "9" * 400]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InputError, match="is not a duration"):
        parse_duration(text)


def check(folder: Path, text: str, *words: str) -> int:
    """Exit code of --check-config."""
    return main(["stream", "--config", str(written(folder, text)), "--check-config", *words])


def test_all_that_is_wrong_is_said_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "open.token").write_text("0123456789abcdef\n")
    (folder / "open.token").chmod(0o644)
    text = """
[input]
websocket = "0.0.0.0:9000"
[model]
bundle = "none"
[[rules]]
when = "arousal >> 3"
exec = "no-such-program x"
[output]
csv = "none/readings.csv"
json_file = "/"
osc = "nonsense"
[output.web]
listen = "0.0.0.0:8765"
token_file = "open.token"
[output.mqtt]
host = "broker"
password_file = "none.password"
ca_file = "none.pem"
"""
    assert check(folder, text) == 2
    complaints = capsys.readouterr().err.removeprefix("edge-ser stream: ").splitlines()
    assert [line.split(":")[0] for line in complaints] == [
        *("input.websocket", "model.bundle", "rules[0]", "rules[0]"),
        *("output.json_file", "output.csv", "output.osc", "output.web.token_file"),
        *("output.mqtt.password_file", "output.mqtt.ca_file"),
    ]


REFUSED_BY_THE_START = {
    "an unknown engine": ("model", 2, ["--engine", "foo"]),
    "a hop that c cannot have": ("model", 2, ["--engine", "c", "--hop", "0.333"]),
    "a model that the bundle has not": ("model", 3, ["--artefact", "nope"]),
    "no confidence to be sure of": ("meaning", 2, ["--min-confidence", "0.5", "--no-confidence"]),
    "a change without a baseline": ("rules[0]", 2, ["--on", "arousal_change > 0.1"]),
    "speech without its detector": ("rules[0]", 2, ["--on", "speech > 0.5", "--vad", "off"]),
    "no recording": ("output.record", 2, ["--record", "heard.mp3"]),
    "a recording that exists": ("output.record", 2, ["--record", "old.wav"]),
    "a table of something else": ("output.csv", 2, ["--csv", "other.csv"]),
    "a pipe in place of a file": ("output.json_file", 2, ["--json-file", "pipe"]),
    "no port to send to": ("output.osc", 2, ["--osc", "127.0.0.1:0"]),
    "no topic": ("output.mqtt", 2, ["--mqtt", "broker", "--mqtt-topic", "a/#"]),
    "a page beyond loopback": ("output.web.listen", 2, ["--web", "0.0.0.0:0"]),
    "no webhook": ("rules[0]", 2, ["--on", "speech > 0.5", "--webhook-file", "other.csv"]),
}
"""What is wrong -> the key that it belongs to, the start's exit code, and what asks for it."""


@pytest.mark.parametrize("case", REFUSED_BY_THE_START)
def test_the_check_and_the_start_refuse_the_same(
    case: str,
    folder: Path,
    exported_bundle: Path,
    fake_portaudio: FakePortAudio,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the start does so before it looks for a microphone, of which there is none."""
    key, code, words = REFUSED_BY_THE_START[case]
    monkeypatch.chdir(folder)
    fake_portaudio.devices = []
    Path("old.wav").write_bytes(b"RIFF")
    Path("other.csv").write_text("name,colour\n")
    os.mkfifo("pipe")
    before = {path: path.lstat().st_mtime_ns for path in folder.iterdir()}
    command = ["stream", "--mic", "--bundle", str(exported_bundle), *words]
    assert main([*command, "--check-config"]) == 2
    checked = capsys.readouterr().err.removeprefix("edge-ser stream: ")
    assert checked.startswith(f"{key}: ") and checked.count("\n") == 1
    assert main(command) == code
    (said,) = re.findall(r"^edge-ser stream: (.*)$", capsys.readouterr().err, re.MULTILINE)
    assert said in checked
    assert {path: path.lstat().st_mtime_ns for path in folder.iterdir()} == before


def test_the_check_leaves_what_a_running_stream_writes_alone(
    folder: Path, exported_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also while that stream holds its files and its port."""
    (folder / "cut.csv").write_text("schema,ti")  # the computer lost power
    held = AppendedFile(folder / "readings.jsonl")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"""
[input]
mic = true
[model]
bundle = "{exported_bundle}"
[output]
csv = "cut.csv"
json_file = "readings.jsonl"
record = "heard.wav"
osc = "127.0.0.1:9"
[output.web]
listen = "127.0.0.1:{taken.getsockname()[1]}"
[output.mqtt]
host = "127.0.0.1"
"""
        assert check(folder, text) == 0, capsys.readouterr().err
    held.close()
    assert (folder / "cut.csv").read_text() == "schema,ti"
    assert not (folder / "heard.wav").exists()


def test_sources_of_the_network_and_files_are_checked_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "no.wav").write_text("no sound")
    (folder / "rtp.key").write_text("not a key at all\n")
    (folder / "rtp.key").chmod(0o600)
    for source, words in (
        ('file = "no.wav"', "cannot be read as audio"),
        ('udp = "0.0.0.0:5005"', "from anybody on the network"),
        ('rtp = "0.0.0.0:5004"', "needs an SRTP key"),
        ('rtp = "0.0.0.0:5004"\nkey_file = "rtp.key"', "does not hold an SRTP key"),
    ):
        assert check(folder, f"[input]\n{source}\n") == 2
        assert words in capsys.readouterr().err


def test_what_is_right_is_said_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "web.token").write_text("0123456789abcdef\n")
    (folder / "web.token").chmod(0o600)
    text = f"""
[input]
mic = true
[[rules]]
when = "arousal > 0.65 for 3s"
exec = "{sys.executable} -V"
[output]
csv = "readings.csv"
[output.web]
listen = "0.0.0.0:8765"
token_file = "web.token"
[output.mqtt]
host = "broker"
user = "pi"
password_file = "/run/credentials/edge-ser.service/secret_mqtt"
"""
    assert check(folder, text) == 0
    assert "can be used" in capsys.readouterr().out
    assert not (folder / "readings.csv").exists()


def test_the_example_is_printed_and_passes_its_own_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "--example-config"]) == 0
    assert check(folder, capsys.readouterr().out) == 0


def test_the_services_configuration_passes_the_check(folder: Path, exported_bundle: Path) -> None:
    text = (Path(run_files.__file__).parent / "stream.toml").read_text()
    assert check(folder, text.replace("@BUNDLE@", str(exported_bundle))) == 0


def test_the_page_of_the_service_shows_the_example_as_it_is(repository: Path) -> None:
    text = (repository / "docs" / "SERVICE.md").read_text()
    (shown,) = re.findall(
        r"<!-- example.toml -->\n```toml\n(.*?)```\n<!-- /example.toml -->", text, re.DOTALL
    )
    assert shown == example_config()
