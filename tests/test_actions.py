"""What events set off: programs and webhooks."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import soundfile
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_fixtures import INFO, window_analyser

from edge_ser.errors import InputError
from edge_ser.stream.actions import actions_for, exec
from edge_ser.stream.actions.action import ActionFailed
from edge_ser.stream.actions.exec import Exec, environment, split_command
from edge_ser.stream.actions.webhook import PAUSES_SECONDS, Webhook, check_url
from edge_ser.stream.capture.file_source import AudioFile
from edge_ser.stream.meaning.interpret import Interpreter
from edge_ser.stream.meaning.rules import Rule
from edge_ser.stream.meaning.track import SoundTrack
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.reading import Event
from edge_ser.stream.session import Session

RULE = RuleOptions("arousal > 0.65 for 3s", name="excited")
BEGUN = Event("arousal > 0.65 for 3s", "excited", True, 1_800_000_000.25, 12.5, 0.71, 0.0)


def a_script(folder: Path, text: str) -> str:
    """An executable shell script, its path as an argument."""
    path = folder / "action script.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"'{path}'"


def gone(process: int) -> bool:
    """Whether no such process runs; one that has ended and waits for its parent counts."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_until(condition: Callable[[], bool]) -> None:
    """Give it time, not luck."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- which action belongs to which rule ---


def test_every_rule_gets_its_actions_and_they_have_names_of_their_own() -> None:
    actions = actions_for(
        [
            RuleOptions("arousal > 0.6", exec="true", webhook="http://127.0.0.1:1/"),
            RuleOptions("valence < 0.3"),
            RuleOptions("level > -20", exec="true"),
        ]
    )
    assert [action.name for action in actions] == ["exec 1", "webhook 1", "exec 3"]
    assert not any(action.essential for action in actions)


def test_an_action_ignores_the_events_of_other_rules(tmp_path: Path) -> None:
    action = Exec(RULE, a_script(tmp_path, f"touch '{tmp_path}/ran'"), 1)
    action.event(Event("valence < 0.3", "sad", True, 0.0, 0.0, 0.2, 0.0))
    assert not (tmp_path / "ran").exists()
    action.event(BEGUN)
    assert (tmp_path / "ran").exists()


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two rules are called 'arousal"):
        actions_for([RuleOptions("arousal > 0.6"), RuleOptions(" arousal > 0.6 ")])


# --- programs ---


def test_the_program_gets_the_event_and_its_arguments_untouched(tmp_path: Path) -> None:
    script = a_script(
        tmp_path,
        f"cd '{tmp_path}'\ncat > input\nenv > env\nprintf '%s|' \"$@\" > args",
    )
    Exec(RULE, f"{script} 'two words' $HOME '*' ';' '$(id)'", 1).event(BEGUN)
    assert json.loads((tmp_path / "input").read_text()) == {
        "schema": 2,
        "type": "event",
        "rule": "arousal > 0.65 for 3s",
        "name": "excited",
        "active": True,
        "time": "2027-01-15T08:00:00.250Z",
        "t": 12.5,
        "value": 0.71,
        "held_seconds": 0.0,
    }
    assert (tmp_path / "args").read_text() == "two words|$HOME|*|;|$(id)|"
    lines = (tmp_path / "env").read_text().splitlines()
    assert {line for line in lines if line.startswith("EDGE_SER_")} == {
        "EDGE_SER_NAME=excited",
        "EDGE_SER_RULE=arousal > 0.65 for 3s",
        "EDGE_SER_ACTIVE=1",
        "EDGE_SER_T=12.500",
        "EDGE_SER_TIME=1800000000.250",
        "EDGE_SER_VALUE=0.7100",
        "EDGE_SER_HELD_SECONDS=0.000",
    }


def test_secrets_of_this_process_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    passed = environment(BEGUN)
    assert "PATH" in passed
    assert not {"MQTT_PASSWORD", "CREDENTIALS_DIRECTORY"} & set(passed)


def test_its_output_goes_to_the_log_short_and_harmless(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "edge_ser.stream.actions.exec")
    megabyte = "head -c 1000000 /dev/zero | tr '\\0' y"
    script = a_script(tmp_path, f"{megabyte}; printf '\\n\\033[2Jdone\\n'; echo oops >&2")
    Exec(RULE, script, 1).event(BEGUN)
    (record,) = caplog.records
    message = record.getMessage()
    assert message.isprintable()
    assert message.endswith("y | ?[2Jdone | oops")
    assert len(message) < 5_000


@pytest.mark.parametrize(("text", "words"), [("exit 3", "exit code 3"), ("kill -9 $$", "signal 9")])
def test_a_failing_program_raises(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ActionFailed, match=words):
        Exec(RULE, a_script(tmp_path, text), 1).event(BEGUN)


def test_a_program_that_takes_too_long_ends_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = a_script(
        tmp_path,
        f"trap '' TERM\nsleep 1000 &\necho $$ $! > '{tmp_path}/new'\n"
        f"mv '{tmp_path}/new' '{tmp_path}/pids'\nsleep 1000",
    )
    real = subprocess.Popen.wait

    def wait(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        # However slow the machine is: the time is not over before everything runs.
        wait_until((tmp_path / "pids").exists)
        return real(process, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", wait)
    monkeypatch.setattr(exec, "GRACE_SECONDS", 0.2)
    with pytest.raises(ActionFailed, match=r"ended after 0\.1 s"):
        exec.Exec(RULE, script, 1, limit=0.1).event(BEGUN)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_nothing_outlives_the_program(tmp_path: Path) -> None:
    script = a_script(tmp_path, f"sleep 1000 &\necho $! > '{tmp_path}/pid'")
    begun = time.monotonic()
    Exec(RULE, script, 1).event(BEGUN)
    assert time.monotonic() - begun < 20
    wait_until(lambda: gone(int((tmp_path / "pid").read_text())))


def test_a_program_that_still_runs_ends_with_the_stream(tmp_path: Path) -> None:
    script = a_script(
        tmp_path,
        f"echo $$ > '{tmp_path}/pid.new'\nmv '{tmp_path}/pid.new' '{tmp_path}/pid'\nsleep 1000",
    )
    stream = f"""
import pathlib, threading, time
from edge_ser.stream.actions.exec import Exec
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.reading import Event
action = Exec(RuleOptions("level > -9"), {script!r}, 1)
event = Event("level > -9", "level > -9", True, 0.0, 0.0, None, 0.0)
threading.Thread(target=action.event, args=(event,), daemon=True).start()
while not pathlib.Path({str(tmp_path / "pid")!r}).exists():
    time.sleep(0.02)
"""
    subprocess.run([sys.executable, "-c", stream], check=True, timeout=60)
    wait_until(lambda: gone(int((tmp_path / "pid").read_text())))


def test_no_zombie_and_no_open_pipe_is_left(tmp_path: Path) -> None:
    action = Exec(RULE, a_script(tmp_path, "echo hello"), 1)
    action.event(BEGUN)
    open_before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        action.event(BEGUN)
    assert len(os.listdir("/proc/self/fd")) == open_before
    with contextlib.suppress(ChildProcessError):
        assert os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def test_a_program_that_has_become_unusable_raises(tmp_path: Path) -> None:
    script = a_script(tmp_path, "exit 0")
    action = Exec(RULE, script, 1)
    path = Path(script.strip("'"))
    path.chmod(stat.S_IRUSR)
    with pytest.raises(ActionFailed, match="cannot be started"):
        action.event(BEGUN)


def test_the_rules_text_cannot_become_a_command() -> None:
    hostile = Event('"; rm -rf /; "', "excited", True, 0.0, 0.0, None, 0.0)
    assert environment(hostile)["EDGE_SER_RULE"] == '"; rm -rf /; "'
    assert environment(hostile)["EDGE_SER_VALUE"] == ""


@pytest.mark.parametrize(
    "command", ["", "   ", "'open", "no-such-program --x", "/etc/passwd", "a\0b"]
)
def test_an_unusable_command_is_refused_at_once(command: str) -> None:
    with pytest.raises(InputError) as refused:
        actions_for([RuleOptions("arousal > 0.6", exec=command)])
    assert refused.value.hint


@settings(deadline=None)
@given(st.text(max_size=60))
def test_hostile_commands_are_split_or_refused(command: str) -> None:
    try:
        assert split_command(command)
    except InputError as refused:
        assert refused.hint


# --- webhooks ---


@dataclass
class Receiver:
    """A web server that answers with the given statuses, then with 200."""

    server: ThreadingHTTPServer
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """With something secret in its path."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook/secret?x=1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """On a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.got.append((self.path, dict(self.headers), body))
            status = known.statuses.pop(0) if known.statuses else 200
            self.send_response(status)
            if status in (302, 307):
                self.send_header("Location", "file:///etc/passwd" if status == 302 else "/other")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield known
    server.shutdown()
    server.server_close()


def test_a_webhook_posts_the_event_as_json(receiver: Receiver) -> None:
    Webhook(RULE, receiver.url, 1).event(BEGUN)
    ((path, headers, body),) = receiver.got
    assert path == "/hook/secret?x=1"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("edge-ser/")
    assert json.loads(body)["name"] == "excited"


def test_the_address_may_come_from_a_private_file(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "webhook.url"
    file.write_text(receiver.url + "\n")
    file.chmod(0o644)
    rule = RuleOptions(RULE.when, name="excited", webhook_file=file)
    with pytest.raises(InputError, match="by other users") as refused:
        actions_for([rule])
    assert "secret" not in str(refused.value) and "chmod 600" in refused.value.hint
    file.chmod(0o600)
    (action,) = actions_for([rule])
    action.event(BEGUN)
    assert [path for path, _, _ in receiver.got] == ["/hook/secret?x=1"]


def test_a_file_without_an_address_is_refused_without_quoting_it(tmp_path: Path) -> None:
    file = tmp_path / "webhook.url"
    file.write_text("ftp://secret\n")
    file.chmod(0o600)
    with pytest.raises(InputError, match="http or https") as refused:
        actions_for([RuleOptions("speech > 0.5", webhook_file=file)])
    assert "secret" not in f"{refused.value}{refused.value.hint}"


def test_a_rule_has_one_webhook() -> None:
    with pytest.raises(InputError, match="has a webhook and a file"):
        RuleOptions("speech > 0.5", webhook="http://h/", webhook_file=Path("f"))


def test_a_failure_that_may_pass_is_tried_again(receiver: Receiver) -> None:
    pauses: list[float] = []
    receiver.statuses = [503, 500]
    Webhook(RULE, receiver.url, 1, sleep=pauses.append).event(BEGUN)
    assert len(receiver.got) == 3
    assert pauses == list(PAUSES_SECONDS)


@pytest.mark.parametrize(("statuses", "attempts"), [([500] * 9, 3), ([404], 1), ([401], 1)])
def test_the_attempts_are_bounded_and_the_address_stays_secret(
    receiver: Receiver, statuses: list[int], attempts: int
) -> None:
    receiver.statuses = list(statuses)
    with pytest.raises(ActionFailed, match=f"status {statuses[0]}") as failed:
        Webhook(RULE, receiver.url, 1, sleep=lambda _: None).event(BEGUN)
    assert len(receiver.got) == attempts
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("status", [302, 307])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    with pytest.raises(ActionFailed, match=f"status {status}"):
        Webhook(RULE, receiver.url, 1).event(BEGUN)
    assert len(receiver.got) == 1


def test_nobody_there_is_a_failure_after_three_attempts(receiver: Receiver) -> None:
    pauses: list[float] = []
    url = receiver.url
    receiver.server.shutdown()
    receiver.server.server_close()
    with pytest.raises(ActionFailed, match="did not take the event: Connection"):
        Webhook(RULE, url, 1, sleep=pauses.append).event(BEGUN)
    assert len(pauses) == 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "home.example/hook",
        "file:///etc/passwd",
        "ftp://home.example/",
        "http://",
        "http://user:secret@home.example/",
        "https://home.example:99999/",
        "https://[::1/",
        "http://home.example/a b",
        "http://home.example/\r\nX: y",
    ],
)
def test_an_unusable_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(InputError) as refused:
        actions_for([RuleOptions("arousal > 0.6", webhook=url)])
    assert "secret" not in str(refused.value)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: f"http://{text}"))
def test_hostile_addresses_are_accepted_as_http_or_refused(url: str) -> None:
    try:
        parts = check_url(url)
    except InputError:
        return
    assert parts.scheme in ("http", "https")
    assert parts.hostname


# --- inside a stream ---


def test_a_stream_tells_its_actions_of_the_end_too_and_of_nothing_else(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", synthetic_speech(4.0), 16_000)
    script = a_script(tmp_path, f"echo $EDGE_SER_ACTIVE $EDGE_SER_T >> '{tmp_path}/seen'")
    rule = RuleOptions("level > -60", name="excited")
    session = Session(
        AudioFile(tmp_path / "loud.wav"),
        window_analyser(1.0, 0.5),
        Interpreter(SoundTrack(None)),
        [Exec(rule, script, 1)],
        INFO,
        rules=[Rule(rule)],
    )
    summary = session.run()
    assert (tmp_path / "seen").read_text() == "1 1.000\n0 4.000\n"
    (delivery,) = summary.deliveries
    # The seven readings were none of its business.
    assert (delivery.sent, delivery.lost, delivery.failures) == (2, 0, 0)
