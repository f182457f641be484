"""Audio over a WebSocket, from real clients: greeting, tokens, origins, limits, interruptions."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from edge_ser.errors import AudioDeviceError, EnvironmentMissing, InputError
from edge_ser.stream.capture import open_source, websocket
from edge_ser.stream.capture.hello import read_hello
from edge_ser.stream.capture.websocket import (
    MOST_BYTES,
    MOST_CONNECTIONS,
    MOST_SOCKETS,
    WebSocketSource,
)
from edge_ser.stream.options import InputOptions, PcmInput

TOKEN = "a token that nobody guesses"
LIMIT_SECONDS = 20.0


@contextmanager
def listening(
    token: str | None = None, samples: PcmInput | None = None
) -> Iterator[WebSocketSource]:
    """A source on a free port of loopback."""
    with WebSocketSource("127.0.0.1:0", samples or PcmInput(), token) as source:
        yield source


def sender(source: WebSocketSource, **settings: Any) -> ClientConnection:
    """A client, not yet greeted."""
    return connect(f"ws://127.0.0.1:{source.port}/", compression=None, **settings)


def greet(client: ClientConnection, **hello: Any) -> dict[str, Any]:
    """Send the first message; the answer."""
    client.send(json.dumps(hello))
    answer: dict[str, Any] = json.loads(client.recv(LIMIT_SECONDS))
    return answer


def wait_until(condition: Callable[[], bool]) -> None:
    """Fails if it does not come true."""
    limit = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def wait_for(source: WebSocketSource, samples: int) -> NDArray[np.float32]:
    """At least so many samples of what arrives."""
    blocks = [np.zeros(0, np.float32)]

    def enough() -> bool:
        block = source.read()
        assert block is not None
        blocks.append(block)
        return sum(map(len, blocks)) >= samples

    wait_until(enough)
    return np.concatenate(blocks)


def pcm(*values: int) -> bytes:
    """16-bit samples."""
    return np.array(values, "<i2").tobytes()


def test_a_sender_is_heard_whatever_its_messages_are_cut_like() -> None:
    with listening() as source, sender(source) as client:
        assert source.label == f"WebSocket on 127.0.0.1:{source.port}"
        assert (source.live, source.connected) == (True, False)
        assert greet(client) == {"ready": True}
        whole = pcm(*range(1, 1_001))
        for at in range(0, len(whole), 333):
            client.send(whole[at : at + 333])
        heard = wait_for(source, 1_000)
        assert np.round(heard * 2**15).tolist() == list(range(1, 1_001))
        assert source.connected
        assert source.counters.frames == 1_000


def test_a_sender_says_what_it_sends() -> None:
    with listening() as source, sender(source) as client:
        greet(client, rate=48_000.0, channels=2, format="f32le", name="phone")
        client.send(np.tile(np.array([0.5, 0.25], "<f4"), 4_800).tobytes())
        wait_until(lambda: source.counters.frames == 4_800)
        assert source.rate == 48_000
        assert wait_for(source, 1_000)[500:1_000].mean() == pytest.approx(0.375, abs=0.01)


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[]",
        '{"rate": 1}',
        '{"rate": true}',
        '{"rate": "48000"}',
        '{"rate": 44100.5}',
        '{"rate": NaN}',
        '{"rate": 1e400}',
        '{"rate": ' + "9" * 400 + "}",
        '{"channels": 0}',
        '{"channels": null}',
        '{"format": "mp3"}',
        '{"format": ["s16le"]}',
        "[" * 50_000,
        b"\x00\x01",
        "",
    ],
)
def test_a_greeting_that_cannot_be_used_is_answered_with_the_reason(message: str | bytes) -> None:
    with listening() as source, sender(source) as client:
        client.send(message)
        assert "error" in json.loads(client.recv(LIMIT_SECONDS))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(LIMIT_SECONDS)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        assert not source.connected
        assert source.counters.invalid == 1


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=50)
    | st.binary(max_size=20)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["rate", "channels", "format", "token"]), inner)
        ),
        max_leaves=8,
    ).map(json.dumps)
)
def test_any_greeting_is_read_or_refused(message: str | bytes) -> None:
    try:
        hello = read_hello(message, PcmInput())
    except InputError as refusal:
        assert refusal.hint
        return
    assert 4_000 <= hello.samples.rate <= 384_000


def test_a_token_is_shown_in_the_header_or_in_the_greeting() -> None:
    with listening(TOKEN) as source:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        with sender(source, additional_headers=bearer) as client:
            assert greet(client) == {"ready": True}
        wait_until(lambda: not source._sending)
        with sender(source) as client:
            assert greet(client, token=TOKEN) == {"ready": True}


@pytest.mark.parametrize("shown", [None, "", "a token that somebody guesses", 7])
def test_without_the_token_nothing_is_heard(shown: object) -> None:
    with listening(TOKEN) as source:
        with sender(source) as client:
            client.send(json.dumps({} if shown is None else {"token": shown}))
            assert json.loads(client.recv(LIMIT_SECONDS)) == {"error": "wrong token"}
            with pytest.raises(ConnectionClosed):
                client.recv(LIMIT_SECONDS)
        for header in (f"Bearer {shown}", "Basic abc", "Bearer"):
            headers = {"Authorization": header}
            with (
                pytest.raises(InvalidStatus) as refusal,
                sender(source, additional_headers=headers),
            ):
                pass
            assert refusal.value.response.status_code == 401
        assert not source.connected


def test_pages_of_other_origins_and_other_names_may_not_connect() -> None:
    with listening() as source:
        with (
            pytest.raises(InvalidStatus) as refusal,
            sender(source, origin="https://evil.example"),
        ):
            pass
        assert refusal.value.response.status_code == 403
        rebound = socket.create_connection(("127.0.0.1", source.port))
        with (
            pytest.raises(InvalidStatus) as refusal,
            connect(f"ws://evil.example:{source.port}/", sock=rebound),
        ):
            pass
        assert refusal.value.response.status_code == 421
        with sender(source, origin=f"http://127.0.0.1:{source.port}") as client:
            assert greet(client) == {"ready": True}


def test_one_sender_at_a_time() -> None:
    with listening() as source:
        with sender(source) as first:
            greet(first)
            with sender(source) as second:
                assert greet(second) == {"error": "another sender is connected"}
                with pytest.raises(ConnectionClosed) as closed:
                    second.recv(LIMIT_SECONDS)
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013
            first.send(pcm(1))
            wait_for(source, 1)
        wait_until(lambda: not source._sending)
        with sender(source) as third:
            assert greet(third) == {"ready": True}


def test_a_sender_that_leaves_and_returns_is_a_reconnect() -> None:
    with listening() as source:
        for number in (1, 2, 3):
            with sender(source) as client:
                assert greet(client) == {"ready": True}
                client.send(pcm(number) + b"t")  # and a torn sample
                assert np.round(wait_for(source, 1) * 2**15).tolist() == [number]
                assert source.counters.reconnects == number - 1
            wait_until(lambda: not source.connected and not source._sending)
        assert source.counters.invalid == 3


@pytest.mark.slow
def test_a_sender_that_stays_and_says_nothing_is_gone_until_it_goes_on() -> None:
    """Takes the 3 s after which it counts as gone."""
    with listening() as source, sender(source) as client:
        greet(client)
        client.send(pcm(1))
        wait_for(source, 1)
        wait_until(lambda: not source.connected)
        client.send(pcm(2))
        wait_for(source, 1)
        assert (source.counters.reconnects, source.connected) == (1, True)


def test_a_connection_that_never_greets_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "HELLO_SECONDS", 0.05)
    with listening() as source, sender(source) as client:
        assert json.loads(client.recv(LIMIT_SECONDS)) == {"error": "no first message"}
        with pytest.raises(ConnectionClosed):
            client.recv(LIMIT_SECONDS)


def test_messages_and_connections_are_limited() -> None:
    with listening() as source:
        with sender(source) as client:
            greet(client)
            client.send(bytes(MOST_BYTES + 1))
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(LIMIT_SECONDS)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
        wait_until(lambda: source._connections == 0)
        with ExitStack() as idle:
            for _ in range(MOST_CONNECTIONS):
                idle.enter_context(sender(source))
            wait_until(lambda: source._connections == MOST_CONNECTIONS)
            with pytest.raises(InvalidStatus) as refusal, sender(source):
                pass
            assert refusal.value.response.status_code == 503


def test_connections_that_say_nothing_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "HELLO_SECONDS", 10 * LIMIT_SECONDS)
    with listening() as source, ExitStack() as idle:
        address = ("127.0.0.1", source.port)
        for _ in range(MOST_SOCKETS):
            idle.enter_context(socket.create_connection(address))
        late = idle.enter_context(socket.create_connection(address, timeout=LIMIT_SECONDS))
        with suppress(ConnectionResetError):
            assert late.recv(1) == b""


def test_text_among_the_samples_is_counted_and_ignored() -> None:
    with listening() as source, sender(source) as client:
        greet(client)
        client.send("hello?")
        client.send(pcm(5))
        assert np.round(wait_for(source, 1) * 2**15).tolist() == [5]
        assert source.counters.invalid == 1


def test_a_reader_that_is_away_costs_bounded_memory() -> None:
    with listening() as source, sender(source) as client:
        greet(client)
        for _ in range(30):
            client.send(bytes(32_000))
        wait_until(lambda: source.counters.frames == 480_000)
        assert source.counters.dropped == 320_000


def test_nonsense_on_the_port_harms_nobody() -> None:
    with listening() as source:
        for nonsense in (b"", b"\x00\xff" * 500, b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/9\r\n"):
            with socket.create_connection(("127.0.0.1", source.port)) as stranger:
                stranger.sendall(nonsense)
        with sender(source) as client:
            assert greet(client) == {"ready": True}


def test_leaving_ends_the_connections_and_frees_the_port() -> None:
    with ExitStack() as stack:
        source = stack.enter_context(listening())
        client = stack.enter_context(sender(source))
        greet(client)
        taken = WebSocketSource(f"127.0.0.1:{source.port}", PcmInput(), None)
        with pytest.raises(InputError, match="cannot listen") as refusal, taken:
            pass
        assert "ss -tlpn" in refusal.value.hint
        source.__exit__(None, None, None)
        with pytest.raises(ConnectionClosed):
            client.recv(LIMIT_SECONDS)
        assert source.read() is None
    with WebSocketSource(f"127.0.0.1:{source.port}", PcmInput(), None):
        pass


def test_options_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_file = tmp_path / "token"
    key_file.write_text(TOKEN)
    key_file.chmod(0o600)
    options = InputOptions(websocket="127.0.0.1:0", key_file=key_file)
    source = open_source(options)
    assert isinstance(source, WebSocketSource)
    with source, sender(source) as client:
        assert greet(client, token=TOKEN) == {"ready": True}
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(EnvironmentMissing, match="websockets") as missing:
        open_source(options)
    assert "edge-ser[outputs]" in missing.value.hint


def test_a_page_behind_a_reverse_proxy_may_connect() -> None:
    """The proxy keeps the host name; other computers can reach the port, so a token is needed."""
    with WebSocketSource("0.0.0.0:0", PcmInput(), TOKEN) as source:
        proxied = socket.create_connection(("127.0.0.1", source.port))
        origin: Any = "https://pi.example.org"
        with connect("ws://pi.example.org/", sock=proxied, origin=origin) as client:
            assert greet(client, token=TOKEN) == {"ready": True}


def test_an_unexpected_failure_of_the_server_ends_the_stream_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()

    async def fail() -> None:
        await asyncio.to_thread(go_on.wait, LIMIT_SECONDS)
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    source = WebSocketSource("127.0.0.1:0", PcmInput(), None)
    monkeypatch.setattr(source, "_stop", SimpleNamespace(wait=fail, set=lambda: None))
    with source:
        go_on.set()
        with pytest.raises(AudioDeviceError, match="a fault of ours"):
            wait_until(lambda: source.read() is None)
