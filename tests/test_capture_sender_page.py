"""The page that sends a browser's microphone, in Chromium; its microphone is a file."""

from __future__ import annotations

import http.client
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect, sync_playwright

from edge_ser.stream.capture.websocket import WebSocketSource
from edge_ser.stream.options import PcmInput

TOKEN = "a token that nobody guesses"
LIMIT_SECONDS = 30.0
TONE_HZ = 1_000


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Hears a tone for ever; its permission question answers itself."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium for the tests of the sender's page: sudo apt install chromium")
    sound = tmp_path_factory.mktemp("microphone") / "tone.wav"
    seconds = np.arange(48_000) / 48_000
    soundfile.write(sound, 0.5 * np.sin(2 * np.pi * TONE_HZ * seconds), 48_000, subtype="PCM_16")
    arguments = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
    ]
    expect.set_options(timeout=LIMIT_SECONDS * 1_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A tab whose uncaught errors fail the test."""
    context = chromium.new_context()
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    context.close()
    assert errors == []


def hear(source: WebSocketSource, samples: int) -> NDArray[np.float32]:
    """At least so many samples of what arrives."""
    blocks = [np.zeros(0, np.float32)]

    def enough() -> bool:
        block = source.read()
        assert block is not None
        blocks.append(block)
        return sum(map(len, blocks)) >= samples

    wait_until(enough)
    return np.concatenate(blocks)


def wait_until(condition: Callable[[], bool]) -> None:
    """Fails if it does not come true."""
    limit = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_the_browsers_microphone_is_heard(page: Page, tmp_path: Path) -> None:
    with WebSocketSource("127.0.0.1:0", PcmInput(), TOKEN) as source:
        page.goto(f"http://localhost:{source.port}/")
        page.get_by_label("Token").fill("a token that is wrong")
        page.get_by_role("button").click()
        expect(page.get_by_role("status")).to_have_text("Refused: wrong token")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("status")).to_have_text("Sending.")
        heard = hear(source, 20_000)[-16_000:]
        spectrum = np.abs(np.fft.rfft(heard))
        assert abs(int(spectrum.argmax()) - TONE_HZ) <= 20
        assert 0.1 < np.sqrt(np.mean(heard**2)) < 0.5
        assert source.connected and source.counters.clipped == 0
        assert float(page.get_by_label("Level").get_attribute("value") or 0) > -20
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("status")).to_have_text("Not sending.")
        wait_until(lambda: not source.connected)


def test_the_page_comes_back_when_the_stream_does(page: Page) -> None:
    with WebSocketSource("127.0.0.1:0", PcmInput(), None) as source:
        address = f"127.0.0.1:{source.port}"
        page.goto(f"http://{address}/")
        page.get_by_role("button", name="Start").click()
        hear(source, 1_600)
    expect(page.get_by_role("status")).to_contain_text("trying again")
    with WebSocketSource(address, PcmInput(), None) as source:
        assert len(hear(source, 1_600)) >= 1_600


def test_only_the_pages_files_are_served_and_only_under_its_name() -> None:
    with WebSocketSource("127.0.0.1:0", PcmInput(), TOKEN) as source:

        def get(path: str, host: str = "localhost") -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection("127.0.0.1", source.port, timeout=10)
            with closing(connection):
                connection.request("GET", path, headers={"Host": f"{host}:{source.port}"})
                return connection.getresponse()

        for path in (
            "/",
            "/sender.css",
            "/sender.js",
            "/sender-worklet.js",
            "/page.css",
            "/icon.svg",
            "/?a",
        ):
            answer = get(path)
            assert answer.status == 200 and answer.getheader("X-Content-Type-Options") == "nosniff"
            assert "default-src 'self'" in (answer.getheader("Content-Security-Policy") or "")
            assert (answer.getheader("Permissions-Policy") or "").startswith("microphone=(self)")
        for path in ("/sender.html", "/../websocket.py", "/%2e%2e/hello.py", "//", "/index.html"):
            assert get(path).status == 404
        assert get("/", host="evil.example").status == 421
