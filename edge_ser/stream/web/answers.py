"""HTTP answers: their headers, and the page's files, which lie in the package.

Nothing is read from disk while the server runs, and no path of a request ever names a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}

_PAGES = ("index.html", "key.html")


@dataclass(frozen=True)
class Answer:
    """What one path gives.

    Attributes:
        cache: `Cache-Control`; data and pages are never stored.
        extra: further headers.
    """

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    cache: str = "no-store"
    extra: tuple[tuple[str, str], ...] = ()

    def headers(self) -> list[tuple[str, str]]:
        """All headers of the answer."""
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", self.cache),
            ("Connection", "close"),
            *SECURITY_HEADERS.items(),
            *self.extra,
        ]


def sentence(status: HTTPStatus, text: str, extra: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer in one line of text."""
    return Answer(status, f"{text}\n".encode(), extra=extra)


def json_answer(status: HTTPStatus, fields: dict[str, Any]) -> Answer:
    """An answer as JSON."""
    body = json.dumps(fields, allow_nan=False).encode() + b"\n"
    return Answer(status, body, "application/json")


@dataclass(frozen=True)
class PageFiles:
    """The page as it lies in the package.

    Attributes:
        index: the page itself.
        key: asks for the token.
        assets: path -> what the two load: program, style, icons. They hold no data of the
            stream and no secret, so everyone may have them.
    """

    index: Answer
    key: Answer
    assets: dict[str, Answer]


def load_page() -> PageFiles:
    """Read all files of the page once."""
    found = {
        entry.name: entry.read_bytes()
        for entry in files("edge_ser.stream.web").joinpath("pages").iterdir()
        if _type_of(entry.name)
    }
    index, key = (
        Answer(status, found.pop(name), _TYPES[".html"])
        for name, status in zip(_PAGES, (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED), strict=True)
    )
    assets = {
        f"/{name}": Answer(HTTPStatus.OK, body, _type_of(name), cache="no-cache")
        for name, body in found.items()
    }
    return PageFiles(index, key, assets)


def _type_of(name: str) -> str:
    return _TYPES.get(name[name.rfind(".") :], "")
