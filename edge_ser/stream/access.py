"""Who may reach a server or a sink: addresses, secrets, origins. Standard library only.

The rules, for everything in the stream that listens: loopback is free; any other address needs a
secret, which comes from a private file and never from the command line; a web page may connect
only from this server's own address, and a server on loopback answers only to loopback's names
(otherwise any web page could reach it by pointing its own name at 127.0.0.1: DNS rebinding).

Non-goals: users, roles, TLS (a reverse proxy's work, docs/WEB.md).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
import stat
from collections.abc import Collection
from pathlib import Path

from edge_ser.errors import InputError

SHORTEST_SECRET = 16
"""Characters: with fewer a token could be guessed."""

LONGEST_SECRET = 4096
"""Bytes that are read of a secret's file."""

MAKE_TOKEN = (
    "(umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > edge-ser.token)"
)
"""Shell command that makes a private file with a good token."""

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT"; an IPv6 address stands in brackets, which are taken off.

    Port 0 is let through: a server then gets a free one from the system.

    Raises:
        InputError: anything else.

    Examples:
        >>> split_address("127.0.0.1:8765")
        ('127.0.0.1', 8765)
        >>> split_address("[::1]:9000")
        ('::1', 9000)
    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    valid_host = _is_ipv6(host) if bracketed else _NAME.fullmatch(host) is not None
    valid_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535
    if not (colon and valid_host and valid_port):
        raise InputError(
            f"{address!r} is not an address to listen on or send to",
            "write HOST:PORT, e.g. 127.0.0.1:8765, localhost:8765 or [::1]:8765",
        )
    return host, int(port)


def join_address(host: str, port: int) -> str:
    """The inverse of `split_address`: brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether `host` (no port, no brackets) can only be reached from this computer.

    True for `localhost`, 127.0.0.0/8 and ::1. What is not plainly one of these is not loopback.
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_binding(host: str, token: str | None, what: str) -> None:
    """Refuse to open a door without a lock.

    Args:
        host: to listen on, as from `split_address`.
        token: the secret that callers have to show; None or "" is none.
        what: wants to listen, for the message, e.g. "--web".

    Raises:
        InputError: `host` is not loopback and there is no token.
    """
    if not token and not is_loopback(host):
        raise InputError(
            f"{what} on {host} can be reached from other computers and needs a token",
            f"make one with  {MAKE_TOKEN}  and name the file, or listen on 127.0.0.1",
        )


def read_secret(path: Path, shortest: int = SHORTEST_SECRET) -> str:
    """The one line of a private file: a token, a key or a password.

    Args:
        path: readable by its owner alone; a credential of systemd's (below
            $CREDENTIALS_DIRECTORY) may show a group bit, which is its access list.
        shortest: characters that it must have at least; a password for a foreign service is as
            long as that service made it.

    Raises:
        InputError: missing, readable by others, no plain file, too long, too short, or not one
            line of text. The message never quotes what the file holds.
    """
    try:
        # Not blocking: a pipe in place of the file must not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} cannot be read: {reason}", f"make it: {MAKE_TOKEN}") from error
    try:
        _check_private(path, os.fstat(descriptor))
        content = os.read(descriptor, LONGEST_SECRET + 1)
    finally:
        os.close(descriptor)
    return _one_line(path, content, shortest)


def token_matches(given: str | None, token: str) -> bool:
    """Whether a caller showed the token; takes the same time for every wrong one."""
    if given is None:
        return False
    return hmac.compare_digest(_digest(given), _digest(token))


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer ...` header; None for any other."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def host_allowed(header: str | None, bound: str, origins: Collection[str] = ()) -> bool:
    """Whether a request names this server as it may be named.

    A server on loopback answers to loopback's names and to those of the configured origins (a
    reverse proxy's); one that other computers reach has a token to protect it and answers to all.

    Args:
        header: the request's `Host`; None if it had none.
        bound: host that the server listens on.
        origins: configured, e.g. "https://home.example".
    """
    if header is None:
        return False
    name = _host_and_port(header, 80)
    if name is None:
        return False
    if not is_loopback(bound) or is_loopback(name[0]):
        return True
    return any(parts is not None and parts[0] == name[0] for parts in map(_origin_parts, origins))


def origin_allowed(origin: str | None, host: str | None, origins: Collection[str] = ()) -> bool:
    """Whether a page of this origin may connect; programs that are no browsers send none.

    Args:
        origin: the request's `Origin`; None if it had none.
        host: the request's `Host`, already passed by `host_allowed`.
        origins: further ones that the user allowed.

    Returns:
        True for the same host and port, for a local page on a server reached as loopback, and
        for the configured origins; never for "null" (a file or a sandboxed frame).
    """
    if origin is None:
        return True
    parts = _origin_parts(origin)
    if parts is None:
        return False
    if parts in [_origin_parts(allowed) for allowed in origins]:
        return True
    # Without a port the header means the default one of the scheme that the browser speaks.
    own = None if host is None else _host_and_port(host, _DEFAULT_PORTS[parts[2]])
    if own is None:
        return False
    return own == parts[:2] or (is_loopback(own[0]) and is_loopback(parts[0]))


def check_origins(origins: Collection[str]) -> None:
    """Refuse configured origins that no browser would ever send.

    Raises:
        InputError: one is not `http(s)://HOST[:PORT]`.
    """
    for origin in origins:
        if _origin_parts(origin) is None:
            raise InputError(
                f"{origin!r} is not an origin", "write e.g. https://home.example, without a path"
            )


def _digest(text: str) -> bytes:
    # Of equal length for every text, so that not even the token's length shows in the time.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a plain file", f"make one: {MAKE_TOKEN}")
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    from_systemd = credentials is not None and path.absolute().parent == Path(credentials)
    if status.st_mode & (0o037 if from_systemd else 0o077):
        raise InputError(f"{path} can be read or changed by other users", f"chmod 600 {path}")


def _one_line(path: Path, content: bytes, shortest: int) -> str:
    hint = f"a token is made with  {MAKE_TOKEN}"
    if len(content) > LONGEST_SECRET:
        raise InputError(f"{path} is too long for a secret", hint)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} does not hold text", hint) from error
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.isprintable():
        raise InputError(f"{path} must hold one line, without control characters", hint)
    if text != text.strip():
        raise InputError(f"the secret in {path} begins or ends with a space", hint)
    if len(text) < max(shortest, 1):
        raise InputError(
            f"the secret in {path} has {len(text)} characters, at least {max(shortest, 1)} are "
            "needed",
            hint,
        )
    return text


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _host_and_port(header: str, default_port: int) -> tuple[str, int] | None:
    """Of a `Host` header, in lower case; None if it is none."""
    portless = header.endswith("]") or ":" not in header
    try:
        host, port = split_address(f"{header}:{default_port}" if portless else header)
    except InputError:
        return None
    return host.lower().rstrip("."), port


def _origin_parts(origin: str) -> tuple[str, int, str] | None:
    """(host, port, scheme) of `http(s)://HOST[:PORT]`; None if it is anything else."""
    scheme, separator, authority = origin.partition("://")
    if not separator or scheme not in _DEFAULT_PORTS:
        return None
    own = _host_and_port(authority, _DEFAULT_PORTS[scheme])
    return None if own is None else (*own, scheme)
