"""Whether one HTTP request is let in: host name, origin, token or the cookie in its place.

A browser shows the token once, in a link or in the key page's form, and gets a cookie that is
derived from it; so the token stays out of the address bar, the history and every log.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from edge_ser.stream.access import (
    bearer_token,
    check_origins,
    host_allowed,
    origin_allowed,
    token_matches,
)

COOKIE_SECONDS = 30 * 86_400

_NAME_PURPOSE, _VALUE_PURPOSE = b"edge-ser cookie name 1", b"edge-ser cookie value 1"


class RequestHeaders(Protocol):
    """The part of `websockets.Headers` that is read here."""

    def get_all(self, key: str) -> list[str]: ...


@dataclass(frozen=True)
class Gate:
    """The rules of one server.

    Attributes:
        host: that it listens on, as from `split_address`.
        token: None lets everybody in who gets past host and origin.
        origins: further ones that may connect.

    Raises:
        InputError: a configured origin is none.
    """

    host: str
    token: str | None
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_origins(self.origins)

    def foreign(self, headers: RequestHeaders) -> str:
        """Why the request comes from the wrong page or asks for the wrong server; "" if not."""
        hosts, origins = headers.get_all("Host"), headers.get_all("Origin")
        if len(hosts) != 1 or not host_allowed(hosts[0], self.host, self.origins):
            return "this server does not answer to that host name"
        if len(origins) > 1 or not origin_allowed(
            next(iter(origins), None), hosts[0], self.origins
        ):
            return "pages of that origin may not connect"
        return ""

    def known(self, headers: RequestHeaders) -> bool:
        """Whether the token or its cookie came with the request, or none is needed."""
        if self.token is None or self.shows_token(headers):
            return True
        return any(token_matches(given, self._cookie_value) for given in self._cookies(headers))

    def shows_token(self, headers: RequestHeaders) -> bool:
        """Whether the token itself came, as `Authorization: Bearer`."""
        given = headers.get_all("Authorization")
        return (
            self.token is not None
            and len(given) == 1
            and token_matches(bearer_token(given[0]), self.token)
        )

    def token_in_link(self, path: str) -> bool:
        """Whether the right token stands in the link, `/?token=...`."""
        given = _query(path, "token")
        return self.token is not None and len(given) == 1 and token_matches(given[0], self.token)

    def cookie(self, headers: RequestHeaders) -> str:
        """`Set-Cookie` for a browser that showed the token."""
        # Only a proxy in front speaks TLS; that it says so concerns this browser's cookie alone.
        secure = "https" in headers.get_all("X-Forwarded-Proto")
        return (
            f"{self._cookie_name}={self._cookie_value}; Max-Age={COOKIE_SECONDS}; Path=/; "
            "HttpOnly; SameSite=Strict" + "; Secure" * secure
        )

    @property
    def _cookie_name(self) -> str:
        """Of the token too: cookies know no ports, and one computer may run several servers."""
        return f"edge_ser_{self._derived(_NAME_PURPOSE)[:8]}"

    @property
    def _cookie_value(self) -> str:
        return self._derived(_VALUE_PURPOSE)

    def _derived(self, purpose: bytes) -> str:
        """Of the token, which a stolen cookie jar then does not hold."""
        return hmac.new((self.token or "").encode(), purpose, hashlib.sha256).hexdigest()

    def _cookies(self, headers: RequestHeaders) -> Sequence[str]:
        values = []
        for header in headers.get_all("Cookie"):
            try:
                morsel = SimpleCookie(header).get(self._cookie_name)
            except CookieError:
                continue
            if morsel is not None:
                values.append(morsel.value)
        return values


def _query(path: str, name: str) -> list[str]:
    try:
        return parse_qs(urlsplit(path).query, max_num_fields=16).get(name, [])
    except ValueError:
        return []
