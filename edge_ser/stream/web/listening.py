"""Taking a port at once, so that a port in use ends the start and not the stream.

Who connects before the server runs waits in the system's queue.
"""

from __future__ import annotations

import contextlib
import errno
import socket

from edge_ser.errors import InputError
from edge_ser.stream.access import check_binding, join_address

_HINTS = {
    errno.EADDRINUSE: "another program (or another edge-ser) listens there: name another port",
    errno.EACCES: "ports below 1024 need a privilege: name one above",
    errno.EADDRNOTAVAIL: "this computer has no such address: `ip address` lists them",
}


def bind(host: str, port: int, token: str | None, what: str) -> list[socket.socket]:
    """TCP sockets that listen on every address that `host` stands for.

    Args:
        host: as from `split_address`; `localhost` usually stands for 127.0.0.1 and ::1.
        port: 0 takes a free one, the same for all addresses.
        token: needed as soon as one of the addresses is not loopback.
        what: wants to listen, for messages, e.g. "--web".

    Raises:
        InputError: an unknown host, a port in use or not permitted, no token.
    """
    check_binding(host, token, what)
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"{what}: {host!r} is not a name of this computer: {error}",
            "127.0.0.1 listens for this computer only, 0.0.0.0 for the network",
        ) from error
    with contextlib.ExitStack() as stack:
        bound: list[socket.socket] = []
        for family, kind, protocol, _, address in dict.fromkeys(found):
            # A name says loopback, its address need not: look at what is really bound.
            check_binding(str(address[0]), token, what)
            chosen = bound[0].getsockname()[1] if bound else port
            try:
                one = stack.enter_context(socket.socket(family, kind, protocol))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
                one.bind((address[0], chosen, *address[2:]))
                # Two sockets may be bound to one port as long as none of them listens.
                one.listen()
            except OSError as error:
                if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and len(found) > 1:
                    continue
                raise _refused(host, chosen, what, error) from error
            bound.append(one)
        if not bound:
            raise _refused(host, port, what, OSError(errno.EADDRNOTAVAIL, "no address"))
        stack.pop_all()
    return bound


def links(host: str, port: int) -> list[str]:
    """Where a browser finds a server that listens on `host`: best guess first, no secrets."""
    if host not in ("0.0.0.0", "::"):
        return [f"http://{join_address(host, port)}/"]
    names = [_outward_address(host), socket.gethostname()]
    return [f"http://{join_address(name, port)}/" for name in names if name]


def _outward_address(host: str) -> str:
    """This computer's address on its network; "" without one. Nothing is sent."""
    family, elsewhere = (
        (socket.AF_INET6, "2001:db8::1") if host == "::" else (socket.AF_INET, "192.0.2.1")
    )
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _refused(host: str, port: int, what: str, error: OSError) -> InputError:
    return InputError(
        f"{what} cannot listen on {join_address(host, port)}: {error.strerror or error}",
        _HINTS.get(error.errno or 0, "name another HOST:PORT"),
    )
