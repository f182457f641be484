"""Addresses of real devices: ssh://[user@]host[:port][/folder].

The host may be an alias of the user's ssh configuration. There is no place for a password: keys
only, so that nothing secret ever stands in a command line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from edge_ser.errors import InputError

SCHEME = "ssh://"

_FORM = "the form is ssh://user@host[:port][/folder], e.g. ssh://pi@raspberrypi.local"
# Neither may begin with a dash: ssh would take it for an option.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]*")


@dataclass(frozen=True)
class SshAddress:
    """Where a device is.

    Attributes:
        host: name, IP address or alias.
        user: "" leaves it to ssh.
        port: None leaves it to ssh.
        folder: in which everything is put for the time of the test; "" for the device's own
            folder for temporary files.
    """

    host: str
    user: str = ""
    port: int | None = None
    folder: str = ""

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"{SCHEME}{user}{host}{port}{self.folder}"


def parse_address(text: str) -> SshAddress:
    """Read an address.

    Raises:
        InputError: not of the form, or with a password.

    Examples:
        >>> parse_address("ssh://pi@raspberrypi.local:2222/var/tmp")
        SshAddress(host='raspberrypi.local', user='pi', port=2222, folder='/var/tmp')
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{text!r} is no address: {error}", _FORM) from error
    if parts.password is not None:
        raise InputError(
            "an address must not hold a password",
            "use a key: ssh-copy-id user@host once, then ssh://user@host",
        )
    user, host, folder = parts.username or "", parts.hostname or "", unquote(parts.path)
    if parts.scheme != "ssh" or parts.query or parts.fragment or not _HOST.fullmatch(host):
        raise InputError(f"{text!r} is no address of a device", _FORM)
    if "@" in parts.netloc and not _USER.fullmatch(user):
        raise InputError(f"{user!r} is no user name", _FORM)
    if not folder.isprintable():
        raise InputError(f"{folder!r} is no folder", _FORM)
    return SshAddress(_as_written(host, parts.netloc), user, port, folder.rstrip("/"))


def _as_written(host: str, netloc: str) -> str:
    """`urlsplit` lowers the case of host names, but aliases of ssh keep theirs."""
    start = netloc.lower().rindex(host)
    return netloc[start : start + len(host)]
