"""The browser target's page in Chromium, from a server of its own, with a file as microphone."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ser.bundle import open_bundle
from edge_ser.bundle.golden import read_clip, write_clip
from edge_ser.runtime import load_engine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

PATIENCE = 60_000
"""Milliseconds that a test waits for something that must happen."""

MICROPHONE_CLIP = "excited-speech"

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Server:
    """Files of a folder over HTTP on a free port; counts what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_request(self, code: Any = "-", size: Any = "-") -> None:
                asked.append(self.path)

            def log_error(self, format: str, *args: Any) -> None:
                """Refused pages are part of the tests."""

        handler = functools.partial(Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.port: int = self._server.server_port
        self.url = f"http://localhost:{self.port}/"

    def stop(self) -> None:
        """Close the port; a second time does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server that is gone afterwards."""
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def browser_site(exported_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the real bundle, as an export writes it; copy it to change it."""
    from firmware_export.browser import write_browser

    if shutil.which("npm") is None:
        pytest.skip("no npm: sudo apt-get install npm")
    folder = tmp_path_factory.mktemp("browser") / "web"
    with open_bundle(exported_bundle) as bundle:
        write_browser(bundle, folder)
    return folder


@pytest.fixture(scope="session")
def speech_clip(exported_bundle: Path) -> NDArray[np.float32]:
    """(n,) the bundle's speech clips in a row, about 16 s and not a whole number of hops."""
    with open_bundle(exported_bundle) as bundle:
        names = [name for name in bundle.manifest.golden.clips if name.endswith("speech")]
        clips = [read_clip(bundle, name) for name in sorted(names)]
    return np.concatenate(clips)[:-3_210]


@pytest.fixture(scope="session")
def microphone_clip(exported_bundle: Path) -> NDArray[np.float32]:
    """(80000,) what the fake microphone plays again and again."""
    with open_bundle(exported_bundle) as bundle:
        return read_clip(bundle, MICROPHONE_CLIP)


@pytest.fixture(scope="session")
def predict(exported_bundle: Path) -> Predict:
    """The command's own ONNX Runtime on the same model."""
    with open_bundle(exported_bundle) as bundle:
        return load_engine(bundle, "onnxruntime", "model.int8.onnx").predict


@pytest.fixture(scope="module")
def chromium(
    microphone_clip: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """The system's Chromium; its microphone is a file, its permission question answers itself."""
    from playwright.sync_api import expect, sync_playwright

    if shutil.which("chromium") is None:
        pytest.skip("no chromium: sudo apt-get install chromium")
    sound = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    write_clip(sound, microphone_clip)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = launch(playwright, sound)
        yield browser
        browser.close()


def launch(playwright: Playwright, microphone: Path) -> Browser:
    """Chromium with that WAV file, played again and again, as its microphone."""
    arguments = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--host-resolver-rules=MAP elsewhere.test 127.0.0.1",
    ]
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)


class Visit:
    """A page in a browser profile of its own, with everything it asked the network for.

    Attributes:
        page: Playwright's.
        requests: addresses.
        errors: exceptions that nothing caught.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.context.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, url: str) -> Page:
        """Load, and wait until the model is ready or a problem is shown."""
        self.page.goto(url)
        ready = self.page.locator("#microphone:enabled, #notice:not([hidden])")
        ready.first.wait_for(timeout=PATIENCE)
        return self.page

    def elsewhere(self, url: str) -> list[str]:
        """Requests to any other host."""
        own = (url, "blob:", "data:")
        return [address for address in self.requests if not address.startswith(own)]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """A fresh profile; afterwards no error may have gone uncaught."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    found = Visit(context.new_page())
    yield found
    context.close()
    assert found.errors == []


@pytest.fixture(scope="module")
def browser_server(browser_site: Path) -> Iterator[Server]:
    """The real page, served for a whole file of tests."""
    with serving(browser_site) as server:
        yield server
