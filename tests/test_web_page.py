"""The page in a real browser: what it shows, that it needs nobody else, and that it comes back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from web_fixtures import (
    PATIENCE,
    RULE,
    SUMMARY,
    TOKEN,
    next_message,
    served,
    socket_of,
    token_file,
    web_event,
    web_info,
    web_meter,
    web_reading,
)

from edge_ser.stream.options import WebOptions
from edge_ser.stream.reading import Delivery
from edge_ser.stream.web.audience import MOST_CLIENTS
from edge_ser.stream.web.page_sink import WebPage

READINGS = 140

# Counts the pixels of a canvas that are close to a colour of the style sheet.
COUNT_PIXELS = """
([id, name]) => {
  const canvas = document.getElementById(id);
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const probe = document.createElement("span");
  probe.style.color = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
  document.body.append(probe);
  const wanted = getComputedStyle(probe).color.match(/[0-9]+/g).map(Number);
  probe.remove();
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    const far = [0, 1, 2].reduce((sum, c) => sum + Math.abs(data[at + c] - wanted[c]), 0);
    if (data[at + 3] > 200 && far < 24) count += 1;
  }
  return count;
}
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a screen."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium for the tests of the web page: sudo apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page in a browser window of its own, and everything it asked for or complained of."""

    def __init__(self, browser: Browser, width: int = 1280, height: int = 900, **options: Any):
        viewport: Any = {"width": width, "height": height}
        self.context = browser.new_context(viewport=viewport, **options)
        self.context.set_default_timeout(PATIENCE * 1000)
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda opened: self.requests.append(opened.url))
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, page: WebPage, path: str = "") -> Page:
        """Go there."""
        self.page.goto(page.links[0] + path)
        return self.page

    def pixels(self, canvas: str, colour: str) -> int:
        """Of that colour on that canvas."""
        return int(self.page.evaluate(COUNT_PIXELS, [canvas, colour]))

    def wait_for_state(self, state: str) -> None:
        """Until the page says so."""
        expect(self.page.locator("#state")).to_have_attribute(
            "data-state", state, timeout=PATIENCE * 1000
        )

    def wait_for_text(self, selector: str, text: str | re.Pattern[str]) -> None:
        """Until an element reads so."""
        expect(self.page.locator(selector)).to_have_text(text, timeout=PATIENCE * 1000)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def fill(page: WebPage, readings: int = READINGS) -> None:
    """A stream that has run for a while, with a silence and doubts in it."""
    for number in range(readings):
        state = "no speech" if 60 <= number < 72 else "speech"
        page.reading(web_reading(number, state="uncertain" if 100 <= number < 106 else state))
    page.event(web_event(True))
    page.event(web_event(False, 34.5))
    page.meter(web_meter(1 + readings / 2))


def test_it_shows_what_the_stream_says(chromium: Browser, tmp_path: Path) -> None:
    with served() as served_page, Visit(chromium) as visit:
        fill(served_page)
        page = visit.open(served_page)
        visit.wait_for_state("speech")
        newest = web_reading(READINGS - 1)
        for name in ("arousal", "dominance", "valence"):
            visit.wait_for_text(f"#{name}", f"{getattr(newest, name):.2f}")
        visit.wait_for_text("#arousal-sure", "confidence 81%")
        visit.wait_for_text("#source", "USB microphone")
        visit.wait_for_text("#level-words", "−24 dB, peak −10 dB")
        visit.wait_for_text("#voice-words", "speech 87%")
        visit.wait_for_text("#health", "ok")
        expect(page.locator("#events li")).to_have_count(2)
        assert "ended after 4.5 s" in page.locator("#events li").first.inner_text()
        assert page.locator("#rules li").inner_text() == RULE
        assert "mqtt" in page.locator("#sinks").inner_text()
        assert "model.int8.tflite" in page.locator("#about").inner_text()
        for name in ("arousal", "dominance", "valence"):
            assert visit.pixels("trace", name) > 200, f"the trace of {name} is not drawn"
        assert visit.pixels("plane", "dominance") > 20
        assert visit.pixels("plane", "ink") > 20
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        assert (tmp_path / "page.png").stat().st_size > 20_000
        assert not visit.complaints


def test_it_follows_live(chromium: Browser) -> None:
    with served() as served_page, Visit(chromium) as visit:
        page = visit.open(served_page)
        visit.wait_for_state("waiting")
        visit.wait_for_text("#arousal", "–")
        served_page.reading(web_reading(0, arousal=0.123, arousal_change=-0.08))
        visit.wait_for_text("#arousal", "0.12")
        visit.wait_for_text("#arousal-change", "▼ 0.08")
        served_page.reading(web_reading(1, state="no speech"))
        visit.wait_for_state("no speech")
        visit.wait_for_text("#arousal", "–")
        served_page.reading(web_reading(2, state="uncertain"))
        visit.wait_for_text("#state", "Uncertain")
        served_page.meter(web_meter(9.0))
        visit.wait_for_text("#state", re.compile("No reading *7 s"))
        served_page.reading(web_reading(16))
        visit.wait_for_text("#state", "Speech")
        served_page.event(web_event(True))
        expect(page.locator("#rules li.active")).to_have_count(1)
        served_page.event(web_event(False))
        expect(page.locator("#rules li.active")).to_have_count(0)
        served_page.meter(web_meter(9.1, peak_dbfs=-0.5, level_dbfs=-6.0, recording=True))
        visit.wait_for_text("#level-words", re.compile("turn the microphone down"))
        expect(page.locator("#recording")).to_be_visible()
        served_page.meter(web_meter(9.2, peak_dbfs=-0.0, clipped=9))
        expect(page.locator("#clipping")).to_be_visible()
        assert not visit.complaints


@pytest.mark.slow
def test_it_names_trouble(chromium: Browser) -> None:
    broken = Delivery("mqtt", 5, 2, 1, 3, error="ConnectionRefusedError: <b>broker</b>")
    with served() as served_page, Visit(chromium) as visit:
        page = visit.open(served_page)
        served_page.reading(web_reading(0))
        served_page.meter(web_meter(1.0, dropped=1234, deliveries=(broken,)))
        visit.wait_for_text("#health", "degraded")
        visit.wait_for_text("#reasons", "mqtt: ConnectionRefusedError: <b>broker</b>")
        assert "1,234" in page.locator("#counters .warn").first.inner_text()
        served_page.meter(web_meter(1.0, connected=False, peak_dbfs=-120.0))
        visit.wait_for_state("away")
        visit.wait_for_text("#health", "failing")
        visit.wait_for_text("#level-words", re.compile("digital silence"))
        visit.wait_for_text("#state", re.compile("Stale *[0-9]+ s"))


def test_it_asks_nobody_else_for_anything(chromium: Browser) -> None:
    with served() as served_page, Visit(chromium) as visit:
        fill(served_page)
        visit.open(served_page)
        visit.wait_for_state("speech")
        visit.wait_for_text("#health", "ok")
        own = f"//127.0.0.1:{served_page.port}/"
        assert len(visit.requests) > 8
        assert any(request.startswith("ws:") for request in visit.requests)
        assert [request for request in visit.requests if own not in request] == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(360, 640), (800, 1000), (1280, 800)])
def test_it_fits_phones_and_desks_in_both_schemes(
    chromium: Browser, scheme: str, width: int, height: int, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "device_scale_factor": 2}
    with served() as served_page, Visit(chromium, width, height, **options) as visit:
        fill(served_page)
        page = visit.open(served_page)
        visit.wait_for_state("speech")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.getElementById('trace').width") > width, "not sharp"
        for name in ("arousal", "dominance", "valence"):
            assert visit.pixels("trace", name) > 100
        page.screenshot(path=tmp_path / f"{width}-{scheme}.png", full_page=True)
        small = page.evaluate(
            "[...document.querySelectorAll('button')].filter(b => b.offsetHeight < 32).length"
        )
        assert small == 0, "buttons too small for a finger"


def test_it_can_be_used_without_a_pointer_or_eyes(chromium: Browser) -> None:
    with served() as served_page, Visit(chromium) as visit:
        fill(served_page)
        page = visit.open(served_page)
        visit.wait_for_state("speech")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        visit.wait_for_text("#pause", "Resume")
        expect(page.get_by_role("button", name="Resume")).to_have_attribute("aria-pressed", "true")
        served_page.reading(web_reading(READINGS, arousal=0.111))
        served_page.event(web_event(True))
        expect(page.locator("#events li")).to_have_count(3)
        expect(page.locator("#arousal")).not_to_have_text("0.11")
        page.keyboard.press("Enter")
        visit.wait_for_text("#arousal", "0.11")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="5 min")).to_have_attribute("aria-pressed", "true")
        for canvas in ("trace", "plane"):
            label = page.locator(f"#{canvas}").get_attribute("aria-label") or ""
            assert re.search("arousal 0.[0-9]{2}", label)
        expect(page.get_by_role("meter", name="Level")).to_have_attribute("aria-valuenow", "-24")
        expect(page.get_by_role("status")).to_have_text("Speech")


def test_it_comes_back_by_itself_after_a_restart(chromium: Browser) -> None:
    with Visit(chromium) as visit:
        with served() as first:
            address = f"127.0.0.1:{first.port}"
            first.reading(web_reading(0, arousal=0.25))
            visit.open(first)
            visit.wait_for_text("#arousal", "0.25")
        visit.wait_for_state("disconnected")
        visit.wait_for_text("#state", re.compile("Disconnected *(again in [0-9]+ s|trying)"))
        with served(address) as second:
            second.reading(web_reading(0, arousal=0.75))
            visit.wait_for_text("#arousal", "0.75")
            visit.wait_for_state("speech")
            expect(visit.page.locator("#notice")).to_be_hidden()


def test_the_end_of_a_stream_is_told(chromium: Browser) -> None:
    with served() as served_page, Visit(chromium) as visit:
        fill(served_page, 3)
        visit.open(served_page)
        visit.wait_for_state("speech")
        served_page.finish(SUMMARY)
        visit.wait_for_text("#notice", re.compile("The stream has ended: 118 windows"))


@pytest.mark.slow
def test_one_viewer_too_many_reads_so(chromium: Browser) -> None:
    with served() as served_page, Visit(chromium) as visit, ExitStack() as stack:
        clients = [stack.enter_context(socket_of(served_page)) for _ in range(MOST_CLIENTS)]
        for client in clients:
            next_message(client, "hello")
        visit.open(served_page)
        visit.wait_for_text("#state", re.compile("Too many viewers"))
        clients[0].close()
        visit.wait_for_state("waiting")


@pytest.mark.slow
def test_names_from_outside_stay_text(chromium: Browser) -> None:
    evil = '<img src="x" onerror="document.title = 1">'
    page = WebPage(WebOptions(listen="127.0.0.1:0"))
    page.start(web_info(source=evil, rules=(evil,)))
    try:
        with Visit(chromium) as visit:
            page.reading(web_reading(0))
            visit.open(page)
            visit.wait_for_text("#source", evil)
            visit.wait_for_text("#rules li", evil)
            assert visit.page.locator("main img").count() == 0
            assert not visit.complaints
    finally:
        page.finish(SUMMARY)


def test_a_link_with_the_token_opens_the_page_and_leaves_no_trace_of_it(
    chromium: Browser, tmp_path: Path
) -> None:
    with served(token_file=token_file(tmp_path)) as served_page, Visit(chromium) as visit:
        served_page.reading(web_reading(0))
        page = visit.open(served_page, f"?token={TOKEN}")
        visit.wait_for_state("speech")
        assert TOKEN not in page.url
        assert TOKEN not in page.evaluate("document.cookie")
        page.reload()
        visit.wait_for_state("speech")


def test_the_key_page_takes_the_token(chromium: Browser, tmp_path: Path) -> None:
    with served(token_file=token_file(tmp_path)) as served_page, Visit(chromium, 360, 640) as visit:
        served_page.reading(web_reading(0))
        page = visit.open(served_page)
        page.get_by_label("Token").fill("not-the-token-at-all")
        page.get_by_role("button", name="Open").click()
        visit.wait_for_text("#answer", "That is not the token.")
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        visit.wait_for_state("speech")
        assert TOKEN not in " ".join(visit.requests)


@pytest.mark.slow
def test_a_changed_token_asks_again(chromium: Browser, tmp_path: Path) -> None:
    with Visit(chromium) as visit:
        with served(token_file=token_file(tmp_path)) as first:
            address = f"127.0.0.1:{first.port}"
            visit.open(first, f"?token={TOKEN}")
            visit.wait_for_state("waiting")
        path = token_file(tmp_path)
        path.write_text("another-horse-battery\n")
        with served(address, token_file=path):
            expect(visit.page.get_by_label("Token")).to_be_visible(timeout=PATIENCE * 1000)


def test_what_the_page_remembers_is_bounded(chromium: Browser) -> None:
    with served() as served_page, Visit(chromium) as visit:
        page = visit.open(served_page)
        lengths = page.evaluate(
            """async () => {
              const { History } = await import("./history.js");
              const lengths = {};
              for (const hop of [0.05, 0.5]) {
                const history = new History(null);
                let longest = 0;
                for (let index = 0; index < 40000; index += 1) {
                  history.add({ t: index * hop, state: "speech", gaps: 0,
                                arousal: 0.5, dominance: 0.5, valence: 0.5 });
                  longest = Math.max(longest, history.length);
                }
                history.add({ t: 1, state: "speech", gaps: 0, arousal: 9 });
                lengths[hop] = [longest, history.arousal.length, history.newest];
              }
              return lengths;
            }"""
        )
        assert lengths["0.05"][0] <= 4_800 + 65
        assert lengths["0.5"][0] <= 1_201 + 65
        assert lengths["0.5"][2] == pytest.approx(39_999 * 0.5), "an old reading came in again"


@pytest.mark.slow
def test_it_can_be_put_on_the_home_screen(chromium: Browser) -> None:
    with served() as served_page, Visit(chromium) as visit:
        page = visit.open(served_page)
        manifest = page.evaluate(
            "fetch(document.querySelector('link[rel=manifest]').href).then(r => r.json())"
        )
        assert manifest["start_url"] == "./"
        for icon in manifest["icons"]:
            response = page.request.get(served_page.links[0] + icon["src"])
            assert response.ok
            assert response.headers["content-type"] == icon["type"]


@pytest.mark.slow
def test_hours_of_readings_leave_the_page_as_it_was(chromium: Browser) -> None:
    """Four hours at a hop of 0.5 s, as fast as the browser takes them."""
    with served() as served_page, Visit(chromium) as visit:
        page = visit.open(served_page)
        inspector = visit.context.new_cdp_session(page)
        inspector.send("Performance.enable")
        sizes = []
        for hours in range(4):
            for number in range(7_200 * hours, 7_200 * (hours + 1)):
                served_page.reading(web_reading(number))
                served_page.meter(web_meter(1 + number / 2))
                if number % 40 == 0:
                    served_page.event(web_event(number % 80 == 0, number / 2))
                    # The page has taken all of it before there is more.
                    visit.wait_for_text("#dominance", "0.45")
                    visit.wait_for_text("#arousal", f"{web_reading(number).arousal:.2f}")
            inspector.send("HeapProfiler.collectGarbage")
            found = inspector.send("Performance.getMetrics")["metrics"]
            sizes.append({one["name"]: one["value"] for one in found})
        first, last = sizes[1], sizes[-1]
        assert last["Nodes"] <= first["Nodes"] + 500
        assert last["JSEventListeners"] <= first["JSEventListeners"]
        assert last["JSHeapUsedSize"] < first["JSHeapUsedSize"] + 1e6
        assert not visit.complaints
