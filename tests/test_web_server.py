"""The page's server over real sockets: who is let in, what is answered, and who gets lost."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_fixtures import sample_reading
from web_fixtures import (
    PATIENCE,
    RULE,
    SUMMARY,
    TOKEN,
    Answered,
    next_message,
    served,
    socket_of,
    token_file,
    wait_until,
    web_event,
    web_info,
    web_meter,
    web_reading,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus

from edge_ser.cli import main
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.access import MAKE_TOKEN
from edge_ser.stream.options import WebOptions
from edge_ser.stream.web.answers import SECURITY_HEADERS, load_page
from edge_ser.stream.web.audience import MOST_CLIENTS, WAITING_MESSAGES, Audience
from edge_ser.stream.web.bounded_connection import LARGEST_HEAD
from edge_ser.stream.web.live_state import HISTORY_SECONDS, LONGEST_HISTORY
from edge_ser.stream.web.page_sink import WebPage
from edge_ser.stream.web.server import MOST_CONNECTIONS

# Options


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_beyond_loopback_without_a_token_is_refused_with_the_command_for_one(host: str) -> None:
    with pytest.raises(InputError) as caught:
        WebPage(WebOptions(listen=f"{host}:0"))
    assert caught.value.exit_code == 2
    assert MAKE_TOKEN in caught.value.hint


def test_the_command_line_ends_with_code_2_and_the_command_for_a_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "talk.wav", np.zeros(32_000, np.float32), 16_000)
    arguments = ["stream", "--file", str(tmp_path / "talk.wav"), "--web", "0.0.0.0:0"]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert "secrets.token_urlsafe" in said.err
    assert said.out == ""


def test_a_port_in_use_is_refused_before_any_audio() -> None:
    with served() as page, pytest.raises(InputError, match=f"{page.port}") as caught:
        WebPage(WebOptions(listen=f"127.0.0.1:{page.port}"))
    assert "another" in caught.value.hint


@pytest.mark.parametrize("address", ["192.0.2.77:0", "no-such-host.invalid:0", "8765"])
def test_addresses_that_are_not_ours_are_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(InputError):
        WebPage(WebOptions(listen=address, token_file=token_file(tmp_path)))


def test_a_bad_origin_is_refused() -> None:
    with pytest.raises(InputError, match="origin"):
        WebPage(WebOptions(listen="127.0.0.1:0", origins=("*",)))


@pytest.mark.parametrize("package", ["websockets.asyncio.server", "prometheus_client"])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EnvironmentMissing) as caught:
        WebPage(WebOptions(listen="127.0.0.1:0"))
    assert "edge-ser[outputs]" in caught.value.hint


def test_it_says_where_it_listens_and_never_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        served("0.0.0.0:0", token_file=token_file(tmp_path)) as page,
    ):
        assert Answered(page, f"/?token={TOKEN}").status == 303
        assert Answered(page, "/", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert f":{page.port}/" in caplog.text
    assert "edge-ser.token" in caplog.text
    assert TOKEN not in caplog.text


def test_localhost_listens_on_each_of_its_addresses() -> None:
    with served("localhost:0") as page:
        for *_, address in socket.getaddrinfo("localhost", page.port, type=socket.SOCK_STREAM):
            try:
                socket.create_connection((str(address[0]), page.port), timeout=PATIENCE).close()
            except OSError as error:
                assert "assign" in str(error), "an address that this computer has was not bound"


# HTTP


def test_the_page_and_its_files_come_with_strict_headers() -> None:
    with served() as page:
        files = load_page()
        assert "/page.js" in files.assets
        for path in ("/", *files.assets, "/health", "/metrics", "/nothing"):
            answered = Answered(page, path)
            assert answered.status == (404 if path == "/nothing" else 200)
            for name, value in SECURITY_HEADERS.items():
                assert answered.headers[name] == value
            assert answered.headers["Server"] is None
            stored = "no-cache" if path in files.assets else "no-store"
            assert answered.headers["Cache-Control"] == stored
        policy = SECURITY_HEADERS["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_the_page_needs_nothing_from_elsewhere_and_no_inline_code() -> None:
    files = load_page()
    texts = [files.index, files.key, *files.assets.values()]
    for answer in texts:
        if answer.content_type.startswith("image/png"):
            continue
        text = answer.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
    for page in (files.index, files.key):
        assert b"<style" not in page.body
        assert b" style=" not in page.body
        assert page.body.count(b"<script") == page.body.count(b'<script type="module" src=')


@pytest.mark.parametrize("path", ["/", "/health", "/page.js", "/nothing"])
def test_head_is_get_without_the_body(path: str) -> None:
    with served() as page:
        got, head = Answered(page, path), Answered(page, path, "HEAD")
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers["Content-Length"] == str(len(got.body)) or path == "/health"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(method: str) -> None:
    with served() as page:
        answered = Answered(page, "/", method)
        assert answered.status == 405
        assert answered.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/page_sink.py",
        "/../access.py",
        "/%2e%2e/access.py",
        "//etc/passwd",
        "/pages/page.js",
        "/health/",
        "/page.js/",
        "/.",
        "http://127.0.0.1/",
    ],
)
def test_paths_never_name_files(path: str) -> None:
    with served() as page:
        assert Answered(page, path).status == 404


def test_ws_by_plain_http_asks_for_an_upgrade() -> None:
    with served() as page:
        assert Answered(page, "/ws").status == 426


# Who is let in

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def status_of_socket(page: WebPage, headers: dict[str, str]) -> int:
    """101 if the WebSocket opens."""
    try:
        with socket_of(page, additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(
    ("headers", "data", "live"),
    [
        ({}, 401, 401),
        ({"Authorization": "Bearer wrong-horse-battery"}, 401, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401, 401),
        ({"Authorization": TOKEN}, 401, 401),
        ({"Cookie": f"edge_ser={TOKEN}"}, 401, 401),
        ({"Cookie": ";;;=" * 50}, 401, 401),
        (BEARER, 200, 101),
        ({**BEARER, "Origin": "http://evil.example"}, 403, 403),
        ({**BEARER, "Origin": "null"}, 403, 403),
        ({**BEARER, "Origin": "https://home.example"}, 200, 101),
    ],
)
def test_data_needs_the_token_and_no_foreign_origin(
    tmp_path: Path, headers: dict[str, str], data: int, live: int
) -> None:
    options = {"token_file": token_file(tmp_path), "origins": ("https://home.example",)}
    with served("0.0.0.0:0", **options) as page:
        for path in ("/health", "/metrics"):
            assert Answered(page, path, headers=headers).status == data
        assert status_of_socket(page, headers) == live


def test_the_token_in_a_query_opens_only_the_page(tmp_path: Path) -> None:
    with served(token_file=token_file(tmp_path)) as page:
        for path in ("/health", "/metrics", "/ws"):
            assert Answered(page, f"{path}?token={TOKEN}").status == 401
        assert Answered(page, f"/?token={TOKEN[:-1]}").status == 401
        assert Answered(page, f"/?token={TOKEN}&token={TOKEN}").status == 401
        assert Answered(page, "/?" + "&".join(f"a{n}=1" for n in range(99))).status == 401


@pytest.mark.parametrize("by", ["link", "header"])
def test_the_token_is_exchanged_for_a_cookie(tmp_path: Path, by: str) -> None:
    with served(token_file=token_file(tmp_path)) as page:
        if by == "link":
            shown = Answered(page, f"/?token={TOKEN}")
            assert (shown.status, shown.headers["Location"]) == (303, "./")
        else:
            shown = Answered(page, "/", headers=BEARER)
            assert shown.status == 200
        cookie = shown.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert "Secure" not in cookie
        kept = {"Cookie": f"other=1; {cookie.partition(';')[0]}"}
        assert b"Trace" in Answered(page, "/", headers=kept).body
        assert Answered(page, "/health", headers=kept).status == 200
        assert status_of_socket(page, kept) == 101
        wrong = {"Cookie": cookie.partition(";")[0][:-1] + "x"}
        assert Answered(page, "/health", headers=wrong).status == 401


def test_behind_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    with served(token_file=token_file(tmp_path)) as page:
        shown = Answered(page, f"/?token={TOKEN}", headers={"X-Forwarded-Proto": "https"})
        assert shown.headers["Set-Cookie"].endswith("; Secure")


def test_without_the_token_the_page_asks_for_it_and_its_files_are_there(tmp_path: Path) -> None:
    with served(token_file=token_file(tmp_path)) as page:
        asked = Answered(page, "/")
        assert asked.status == 401
        assert b'type="password"' in asked.body
        for path in ("/key.js", "/page.css", "/icon.svg", "/manifest.webmanifest"):
            assert Answered(page, path).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:8765", 200),
        ("home.example", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
        ("", 403),
    ],
)
def test_loopback_answers_to_no_foreign_name(host: str, status: int) -> None:
    with served(origins=("https://home.example",)) as page:
        assert Answered(page, "/health", headers={"Host": host}).status == status
        assert Answered(page, "/page.js", headers={"Host": host}).status == status


def test_a_foreign_page_cannot_open_the_websocket_on_loopback() -> None:
    with served() as page:
        assert status_of_socket(page, {"Origin": "https://evil.example"}) == 403
        assert status_of_socket(page, {"Origin": f"http://localhost:{page.port}"}) == 101
        assert status_of_socket(page, {}) == 101


# The stream


def test_a_client_gets_the_past_and_then_the_present() -> None:
    with served() as page:
        for number in range(3):
            page.reading(web_reading(number, state="no speech" if number == 1 else "speech"))
        page.event(web_event(True))
        page.meter(web_meter())
        with socket_of(page) as client:
            hello = next_message(client, "hello")
            assert hello["info"]["model"] == "wav2small"
            assert hello["info"]["rules"] == [RULE]
            assert hello["history"]["t"] == [1.0, 1.5, 2.0]
            assert hello["history"]["state"] == ["speech", "no speech", "speech"]
            assert hello["history"]["arousal"] == [0.5, None, 0.51]
            assert hello["reading"]["arousal"] == pytest.approx(0.51)
            assert hello["events"][0]["rule"] == RULE
            assert hello["meter"]["level_dbfs"] == -24.0
            assert hello["meter"]["health"] == {"status": "ok", "reasons": []}
            page.reading(web_reading(3))
            reading = next_message(client, "reading")
            assert reading["t"] == 2.5
            assert reading["valence_confidence"] == 0.52
            assert reading["engine"] == "fake"
            page.event(web_event(False))
            assert next_message(client, "event")["held_seconds"] == 4.5
            page.meter(web_meter(61.0, connected=False))
            health = next_message(client, "meter")["health"]
            assert health["status"] == "failing"
            assert "USB microphone" in health["reasons"][0]


def test_readings_have_the_fields_of_the_json_lines() -> None:
    from edge_ser.stream.sinks.json_lines import reading_fields

    with served() as page, socket_of(page) as client:
        next_message(client, "hello")
        reading = web_reading(7)
        page.reading(reading)
        assert next_message(client, "reading") == reading_fields(reading, web_info())


def test_the_history_is_bounded_in_time_and_number() -> None:
    with served() as page:
        for number in range(2 * round(HISTORY_SECONDS) + 500):
            page.reading(web_reading(number))
        with socket_of(page, max_size=2**24) as client:
            times = next_message(client, "hello")["history"]["t"]
            assert times[-1] - times[0] == pytest.approx(HISTORY_SECONDS)
        for number in range(LONGEST_HISTORY + 10):
            page.reading(sample_reading(t=2000 + number / 100))
        with socket_of(page, max_size=2**24) as client:
            assert len(next_message(client, "hello")["history"]["t"]) == LONGEST_HISTORY


def test_the_end_of_the_stream_is_said_and_the_port_is_free_again() -> None:
    with served() as page, socket_of(page) as client:
        next_message(client, "hello")
        page.finish(SUMMARY)
        end = next_message(client, "end")
        assert end["windows"] == 118
        assert "118 windows" in end["sentence"]
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        again = WebPage(WebOptions(listen=f"127.0.0.1:{page.port}"))
        again.start(web_info())
        assert Answered(again, "/health").status == 200
        again.finish(SUMMARY)


def test_whoever_speaks_is_shown_out() -> None:
    with served() as page, socket_of(page) as client:
        next_message(client, "hello")
        client.send("let me in")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_one_client_too_many_is_told_so_and_a_place_becomes_free() -> None:
    with served() as page, ExitStack() as stack:
        for _ in range(MOST_CLIENTS - 1):
            next_message(stack.enter_context(socket_of(page)), "hello")
        last = stack.enter_context(socket_of(page))
        next_message(last, "hello")
        with socket_of(page) as late, pytest.raises(ConnectionClosed) as closed:
            late.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        last.close()
        wait_until(lambda: page_clients(page) == MOST_CLIENTS - 1, "a client less")
        with socket_of(page) as next_one:
            next_message(next_one, "hello")


def page_clients(page: WebPage) -> float:
    """As the metrics have it."""
    return metric(page, "edge_ser_web_clients")


def metric(page: WebPage, name: str) -> float:
    """The value of a metric without labels."""
    lines = Answered(page, "/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def upgrade(page: WebPage, receive_buffer: int) -> socket.socket:
    """A WebSocket whose owner then reads nothing more."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.settimeout(PATIENCE)
    raw.connect(("127.0.0.1", page.port))
    raw.sendall(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


def test_a_slow_client_loses_messages_that_are_counted_and_holds_up_nobody() -> None:
    with served() as page, upgrade(page, 2048), socket_of(page, max_size=None) as quick:
        next_message(quick, "hello")
        wait_until(lambda: page_clients(page) == 2, "both are clients")
        got: list[float] = []
        number = 0
        while missed_messages(page) < 10:
            for _ in range(WAITING_MESSAGES // 2):
                page.reading(web_reading(number))
                got.append(next_message(quick, "reading")["t"])
                number += 1
            assert number < 50_000, "the slow client's queue has no bound"
        assert got == [1 + index / 2 for index in range(number)]


def missed_messages(page: WebPage) -> float:
    """As the metrics have it."""
    return metric(page, "edge_ser_web_missed_messages_total")


def test_a_client_that_wakes_up_is_told_what_it_missed() -> None:
    with served() as page, upgrade(page, 2048) as slow:
        wait_until(lambda: page_clients(page) == 1, "it is a client")
        number = 0
        while missed_messages(page) < 10:
            for _ in range(500):
                page.reading(web_reading(number))
                number += 1
        received = b""
        while b'"missed"' not in received:
            chunk = slow.recv(65_536)
            assert chunk, "closed before it was told"
            received = received[-200:] + chunk


# Hostile requests


def exchange(page: WebPage, data: bytes) -> bytes:
    """Send bytes and read all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", page.port), timeout=PATIENCE) as raw:
        try:
            raw.sendall(data)
            answer = b""
            while chunk := raw.recv(65_536):
                answer += chunk
        except ConnectionError:
            return b""
        return answer


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One page for all hostile requests: it must survive every one of them."""
    with served(token_file=token_file(tmp_path_factory.mktemp("hostile"))) as page:
        yield page


header_text = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=600))
def test_no_bytes_bring_it_down(hostile_page: WebPage, data: bytes) -> None:
    answer = exchange(hostile_page, data + b"\r\n\r\n")
    assert b" 200 " not in answer[:20]
    assert Answered(hostile_page, "/").status == 401


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    names=st.lists(
        st.sampled_from(
            [
                "Host",
                "Origin",
                "Cookie",
                "Authorization",
                "Upgrade",
                "Connection",
                "X-Forwarded-Proto",
            ]
        ),
        max_size=6,
    ),
    data=st.data(),
)
def test_no_headers_open_the_data(
    hostile_page: WebPage, path: str, names: list[str], data: st.DataObject
) -> None:
    lines = [f"GET /{path} HTTP/1.1"]
    lines += [f"{name}: {data.draw(header_text)}" for name in names]
    answer = exchange(hostile_page, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    status = int(answer.split(b" ", 2)[1])
    public = f"/{path}".partition("?")[0] in load_page().assets
    assert status in (400, 401, 403, 404) or (public and status == 200)


def test_requests_of_one_line_each_get_what_they_deserve() -> None:
    good = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
    expected = {
        good: 200,
        good.replace(b"1.1", b"1.0"): 200,
        good + b"Host: localhost\r\n": 403,
        good + b"Origin: \xff\xfe\r\n": 403,
        good + b"Origin: http://localhost\r\nOrigin: http://localhost\r\n": 403,
        b"GET /health HTTP/1.1\r\n": 403,
    }
    with served() as page:
        for request, status in expected.items():
            assert int(exchange(page, request + b"\r\n").split(b" ", 2)[1]) == status, request
        for request in (good + b"Content-Length: 5\r\n", b"GARBAGE\r\n", b"GET /health\r\n"):
            assert exchange(page, request + b"\r\n") == b""


def test_an_endless_header_is_cut_off() -> None:
    with served() as page:
        for junk in (b"X: " + b"a" * LARGEST_HEAD, b"X: y\r\n" * (LARGEST_HEAD // 4)):
            answer = exchange(page, b"GET / HTTP/1.1\r\n" + junk)
            assert b" 200 " not in answer
        assert Answered(page, "/health").status == 200


def test_connections_that_say_nothing_are_bounded() -> None:
    with served() as page:
        idle = [
            socket.create_connection(("127.0.0.1", page.port), timeout=PATIENCE)
            for _ in range(MOST_CONNECTIONS + 20)
        ]
        cut = 0
        for one in reversed(idle):
            one.settimeout(0.5 if cut < 20 else 0.01)
            try:
                cut += one.recv(1) == b""
            except ConnectionResetError:
                cut += 1
            except TimeoutError:
                break
        assert cut >= 20
        for one in idle:
            one.close()
        wait_until(lambda: page_answers(page), "it answers again")


def page_answers(page: WebPage) -> bool:
    """Whether a request gets through."""
    try:
        return Answered(page, "/health").status == 200
    except (ConnectionError, OSError):
        return False


def test_stopping_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with served() as page, upgrade(page, 2048):
        pass
    wait_until(lambda: set(threading.enumerate()) <= before, "the server's thread has ended")


def test_a_page_that_never_started_can_finish() -> None:
    page = WebPage(WebOptions(listen="127.0.0.1:0"))
    page.finish(SUMMARY)
    WebPage(WebOptions(listen=f"127.0.0.1:{page.port}")).finish(SUMMARY)


def test_a_server_that_fails_while_the_stream_runs_is_the_sinks_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(Audience, "farewell", fail)
    with served() as page:
        page.meter(web_meter())
        assert page.trouble == ""
        page._server.stop("")
        page.meter(web_meter())
        assert page.trouble == "the web server has failed: a fault of ours"
