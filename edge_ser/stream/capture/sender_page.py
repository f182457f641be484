"""The page that makes a phone's or another computer's browser the microphone.

It holds no data and no secret, so everyone may have it; who may send is decided when it connects.
Its style and icon are those of the page with the readings.
"""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files

from edge_ser.stream.web.answers import Answer, load_page

_HTML, _SCRIPT = "text/html; charset=utf-8", "text/javascript; charset=utf-8"

_FILES = {
    "/": ("sender.html", _HTML),
    "/sender.css": ("sender.css", "text/css; charset=utf-8"),
    "/sender.js": ("sender.js", _SCRIPT),
    "/sender-worklet.js": ("sender-worklet.js", _SCRIPT),
}

_SHARED = ("/page.css", "/icon.svg")

_PERMISSIONS = ("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
"""In place of the other page's, which needs no microphone."""


def load_sender_page() -> dict[str, Answer]:
    """Path -> answer; read once, so that no request ever names a file."""
    pages = files("edge_ser.stream.capture").joinpath("pages")
    own = {
        path: Answer(HTTPStatus.OK, pages.joinpath(name).read_bytes(), content_type)
        for path, (name, content_type) in _FILES.items()
    }
    shared = load_page().assets
    return own | {path: shared[path] for path in _SHARED}


def page_headers(answer: Answer) -> list[tuple[str, str]]:
    """As of every page, but this one may use the microphone."""
    return [header for header in answer.headers() if header[0] != _PERMISSIONS[0]] + [_PERMISSIONS]
