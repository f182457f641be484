"""Who may reach a server: addresses, secrets in private files, origins and host names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ser.errors import InputError
from edge_ser.stream.access import (
    MAKE_TOKEN,
    bearer_token,
    check_binding,
    check_origins,
    host_allowed,
    is_loopback,
    join_address,
    origin_allowed,
    read_secret,
    split_address,
    token_matches,
)

TOKEN = "correct-horse-battery"


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    """A file as a user would leave it."""
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("127.0.0.1:8765", "127.0.0.1", 8765),
        ("localhost:0", "localhost", 0),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
        ("[::1]:80", "::1", 80),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ("pi.local.:9", "pi.local.", 9),
    ],
)
def test_addresses_split_and_join(address: str, host: str, port: int) -> None:
    assert split_address(address) == (host, port)
    assert join_address(host, port) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "8765",
        ":8765",
        "localhost",
        "localhost:",
        "localhost:65536",
        "localhost:-1",
        "localhost: 80",
        "localhost:８０",
        "::1:8765",
        "[::1]",
        "[localhost]:80",
        "[::g]:80",
        "http://localhost:80",
        "user@host:80",
        "a b:80",
        "host\n:80",
        "-host:80",
        "ho..st:80",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(InputError) as caught:
        split_address(address)
    assert "127.0.0.1:8765" in caught.value.hint


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_an_address_or_a_clear_error(text: str) -> None:
    try:
        host, port = split_address(text)
    except InputError:
        return
    assert host
    assert 0 <= port <= 65_535
    assert split_address(join_address(host, port)) == (host, port)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"],
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    check_binding(host, None, "--web")


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "192.168.0.2",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "127.1",
        "0",
        "",
    ],
)
def test_anything_else_needs_a_token(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(InputError) as caught:
        check_binding(host, None, "--web")
    assert caught.value.exit_code == 2
    assert MAKE_TOKEN in caught.value.hint
    with pytest.raises(InputError):
        check_binding(host, "", "--web")
    check_binding(host, TOKEN, "--web")


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_private_file_of_one_line_is_a_secret(tmp_path: Path, ending: bytes) -> None:
    assert read_secret(secret_file(tmp_path, TOKEN.encode() + ending)) == TOKEN


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_file_that_others_can_read_or_write_is_no_secret(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path, TOKEN.encode(), mode)
    with pytest.raises(InputError) as caught:
        read_secret(path)
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_systemd_credential_may_show_its_access_list_as_a_group_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret_file(tmp_path, TOKEN.encode(), 0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret(path) == TOKEN
    path.chmod(0o444)
    with pytest.raises(InputError):
        read_secret(path)
    path.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "elsewhere"))
    with pytest.raises(InputError):
        read_secret(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 characters"),
        (b"short", "5 characters"),
        (b"sixteen-or-more-\nanother", "one line"),
        (b"sixteen-or-more-\rX", "one line"),
        (b"sixteen-or-more-\r\n\r\n", "one line"),
        (b"sixteen-or-more-\x00", "one line"),
        (b" sixteen-or-more", "space"),
        (b"sixteen-or-more-\xff\xfe", "text"),
        (b"x" * 5000, "too long"),
    ],
)
def test_other_contents_are_refused_and_never_quoted(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = secret_file(tmp_path, content)
    with pytest.raises(InputError, match=said) as caught:
        read_secret(path)
    assert "sixteen" not in f"{caught.value} {caught.value.hint}"


def test_a_password_of_a_foreign_service_may_be_short(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"pw\n")
    assert read_secret(path, shortest=1) == "pw"
    with pytest.raises(InputError):
        read_secret(secret_file(tmp_path, b"\n"), shortest=0)


def test_no_file_a_folder_or_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (tmp_path / "missing", tmp_path, pipe, Path("nul\0byte")):
        with pytest.raises(InputError):
            read_secret(path)


def test_tokens_match_only_themselves() -> None:
    assert token_matches(TOKEN, TOKEN)
    for wrong in (None, "", TOKEN[:-1], TOKEN + " ", TOKEN.upper(), "\ud800"):
        assert not token_matches(wrong, TOKEN)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (f"Bearer {TOKEN}", TOKEN),
        (f"bearer  {TOKEN} ", TOKEN),
        (TOKEN, None),
        (f"Basic {TOKEN}", None),
        ("Bearer ", None),
        ("", None),
        (None, None),
    ],
)
def test_bearer_tokens(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize(
    ("header", "bound", "allowed"),
    [
        ("localhost:8765", "127.0.0.1", True),
        ("LocalHost", "127.0.0.1", True),
        ("[::1]:8765", "localhost", True),
        ("home.example", "127.0.0.1", True),
        ("evil.example:8765", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("evil.example@127.0.0.1", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        (None, "127.0.0.1", False),
        (None, "0.0.0.0", False),
        ("a b", "0.0.0.0", False),
        ("192.168.0.2:8765", "0.0.0.0", True),
        ("pi.local:8765", "::", True),
    ],
)
def test_loopback_answers_only_to_its_own_names(
    header: str | None, bound: str, allowed: bool
) -> None:
    assert host_allowed(header, bound, ("https://home.example",)) is allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "127.0.0.1:8765", True),
        ("http://127.0.0.1:8765", "127.0.0.1:8765", True),
        ("http://localhost:3000", "127.0.0.1:8765", True),
        ("http://pi.local:8765", "pi.local:8765", True),
        ("http://PI.local:8765", "pi.local:8765", True),
        ("http://pi.local", "pi.local", True),
        ("https://pi.local", "pi.local", True),
        ("https://home.example", "127.0.0.1:8765", True),
        ("https://home.example:443", "127.0.0.1:8765", True),
        ("http://home.example", "127.0.0.1:8765", False),
        ("https://home.example:444", "127.0.0.1:8765", False),
        ("https://home.example.evil.example", "127.0.0.1:8765", False),
        ("http://pi.local:9999", "pi.local:8765", False),
        ("http://localhost:8765", "pi.local:8765", False),
        ("http://evil.example", "127.0.0.1:8765", False),
        ("http://evil.example:8765", "pi.local:8765", False),
        ("http://pi.local:8765", None, False),
        ("null", "127.0.0.1:8765", False),
        ("file://", "127.0.0.1:8765", False),
        ("", "127.0.0.1:8765", False),
        ("http://127.0.0.1:8765/path", "127.0.0.1:8765", False),
        ("http:127.0.0.1:8765", "127.0.0.1:8765", False),
    ],
)
def test_pages_of_other_sites_may_not_connect(
    origin: str | None, host: str | None, allowed: bool
) -> None:
    assert origin_allowed(origin, host, ("https://home.example",)) is allowed


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_headers_get_an_answer(origin: str, host: str) -> None:
    assert origin_allowed(origin, host) in (True, False)
    assert host_allowed(host, "127.0.0.1") in (True, False)


def test_configured_origins_are_checked() -> None:
    check_origins(("https://home.example", "http://[::1]:80"))
    for wrong in ("home.example", "https://home.example/", "*", "wss://home.example", "null"):
        with pytest.raises(InputError, match="origin"):
            check_origins((wrong,))
