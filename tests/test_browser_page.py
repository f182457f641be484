"""The browser target in Chromium: values equal to Python's, offline, private, and refusals."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_fixtures import PATIENCE, Predict, Server, Visit, serving
from numpy.typing import NDArray

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.bundle.golden import write_clip
from edge_ser.drift.gate import Gate
from edge_ser.stream.analysis.windows import Window, WindowScheduler
from edge_ser.stream.capture.resampler import StreamResampler

pytestmark = pytest.mark.slow  # each test loads 15 MB into a fresh browser profile

SAME_SAMPLES = 2e-3
"""Largest difference to Python on the same samples; the gate allows twice that on average."""

ALIKE = Gate().mae
"""Where samples went through different resamplers: what the drift gate allows on average."""

PLAYED = Gate().max / 2
"""Between a file and its capture by the fake microphone, which Chromium resamples as well."""

KEEP_WINDOWS = """
window.heard = [];
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...rest) {
  if (message.action === "predict") window.heard.push(message.argument.slice());
  return post.call(this, message, ...rest);
};
"""

REFUSE_ITS_RATE = """
const settings = MediaStreamTrack.prototype.getSettings;
MediaStreamTrack.prototype.getSettings = function () {
  return { ...settings.call(this), sampleRate: 32000 };
};
const connect = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (stream) {
  if (this.sampleRate === 32000) throw new DOMException("another rate", "NotSupportedError");
  return connect.call(this, stream);
};
"""
"""Firefox: microphones only at the browser's own rate."""


def windows_of(samples: NDArray[np.float32]) -> list[Window]:
    """As the command cuts a file."""
    scheduler = WindowScheduler(5.0, 0.5)
    last = scheduler.flush
    return [*scheduler.feed(samples), *(window for window in [last()] if window)]


def analyse(visit: Visit, path: Path) -> dict[str, Any]:
    """Give a file to the page; what it lets one download."""
    from playwright.sync_api import expect

    visit.page.set_input_files("#file", path)
    expect(visit.page.locator("#state")).to_have_text("Done")
    return download(visit, "json")


def download(visit: Visit, kind: str) -> Any:
    """The page's JSON, parsed, or the text of its CSV."""
    with visit.page.expect_download() as caught:
        visit.page.click(f"#download-{kind}")
    text = Path(caught.value.path()).read_text()
    return json.loads(text) if kind == "json" else text


def values(readings: list[dict[str, Any]]) -> NDArray[np.float32]:
    """(n, 3) in the order of DIMENSIONS."""
    return np.array([[reading[name] for name in DIMENSIONS] for reading in readings], np.float32)


def check_against_python(
    readings: list[dict[str, Any]], samples: NDArray[np.float32], predict: Predict, most: float
) -> None:
    """Same windows as the command's on these samples, and values within `most`."""
    windows = windows_of(samples)
    assert [(r["start_sample"], r["end_sample"], r["partial"]) for r in readings] == [
        (window.start, window.end, window.partial) for window in windows
    ]
    expected = np.array([predict(window.samples) for window in windows])
    worst = np.abs(values(readings) - expected).max()
    print(f"largest difference {worst:.2e} over {len(windows)} windows")
    assert worst <= most


def test_a_file_gives_the_commands_values(
    visit: Visit,
    browser_server: Server,
    speech_clip: NDArray[np.float32],
    predict: Predict,
    tmp_path: Path,
) -> None:
    write_clip(tmp_path / "speech.wav", speech_clip)
    visit.open(browser_server.url)
    found = analyse(visit, tmp_path / "speech.wav")
    check_against_python(found["readings"], speech_clip, predict, SAME_SAMPLES)
    assert (found["schema"], found["source"], found["forgotten"]) == (1, "speech.wav", 0)
    assert (found["window_seconds"], found["hop_seconds"]) == (5.0, 0.5)
    assert found["engine"] == "onnxruntime-web" and found["artefact"] == "model.int8.onnx"
    check_levels(found["readings"], speech_clip)
    check_csv(download(visit, "csv"), found["readings"])
    assert visit.elsewhere(browser_server.url) == []


def check_levels(readings: list[dict[str, Any]], samples: NDArray[np.float32]) -> None:
    for reading in readings:
        end = reading["end_sample"]
        hop = samples[max(0, end - 8_000) : end].astype(np.float64)
        level = 20 * np.log10(max(1e-6, np.sqrt(np.mean(hop**2))))
        assert reading["level_dbfs"] == pytest.approx(level, abs=0.01)
        assert reading["inference_ms"] > 0 and reading["skipped"] == 0


def check_csv(text: str, readings: list[dict[str, Any]]) -> None:
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == list(readings[0])
    assert [float(row["valence"]) for row in rows] == [r["valence"] for r in readings]


def test_a_stereo_file_at_another_rate(
    visit: Visit,
    browser_server: Server,
    speech_clip: NDArray[np.float32],
    predict: Predict,
    tmp_path: Path,
) -> None:
    import soundfile
    import soxr

    high = soxr.resample(speech_clip, SAMPLE_RATE, 44_100)
    stereo = np.stack([1.2 * high, 0.8 * high], axis=1) / 1.25
    soundfile.write(tmp_path / "stereo.wav", stereo, 44_100, subtype="PCM_16")
    stored, _ = soundfile.read(tmp_path / "stereo.wav", dtype="float32")
    samples = StreamResampler(44_100).push(stored.mean(axis=1), last=True)
    visit.open(browser_server.url)
    readings = analyse(visit, tmp_path / "stereo.wav")["readings"]
    samples = samples[
        : readings[-1]["end_sample"]
    ]  # resamplers may differ by one sample at the end
    check_against_python(readings, samples, predict, ALIKE)


def test_a_dropped_file(
    visit: Visit, browser_server: Server, speech_clip: NDArray[np.float32], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    write_clip(tmp_path / "dropped.wav", speech_clip[:40_000])
    page = visit.open(browser_server.url)
    transfer = page.evaluate_handle(
        """(text) => {
          const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt());
          const transfer = new DataTransfer();
          transfer.items.add(new File([data], "dropped.wav"));
          return transfer;
        }""",
        base64.b64encode((tmp_path / "dropped.wav").read_bytes()).decode(),
    )
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    expect(page.locator("#doing")).to_have_text("dropped.wav: 4 readings")
    expect(page.locator("#source")).to_have_text("dropped.wav")


@pytest.mark.parametrize("refuses", [False, True], ids=["its rate", "the browser's rate"])
def test_the_microphone(
    visit: Visit,
    browser_server: Server,
    microphone_clip: NDArray[np.float32],
    predict: Predict,
    refuses: bool,
) -> None:
    """A file as microphone: every reading is Python's of what was captured, and what was captured
    is the file."""
    from playwright.sync_api import expect

    visit.page.add_init_script(KEEP_WINDOWS + (REFUSE_ITS_RATE if refuses else ""))
    page = visit.open(browser_server.url)
    page.click("#microphone")
    expect(page.locator("#doing")).to_have_text(
        re.compile(r"^From 4[48],[01]00 to 16,000 Hz by this page; otherwise unprocessed\.$")
    )
    samples, played = clean_window(visit, microphone_clip)
    page.click("#stop")
    expect(page.locator("#state")).to_have_text("Stopped")
    readings = download(visit, "json")["readings"]
    heard = captured(visit)
    assert len(heard) == len(readings) >= 9
    expected = np.array([predict(window) for window in heard])
    worst = np.abs(values(readings) - expected).max()
    print(f"largest difference on what was captured {worst:.2e} over {len(heard)} windows")
    assert worst <= SAME_SAMPLES
    distance = np.abs(predict(samples) - predict(played)).max()
    print(f"largest difference to the file that was played {distance:.2e}")
    assert distance <= PLAYED


def clean_window(
    visit: Visit, clip: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A whole window in which the browser lost nothing of its fake microphone, and that stretch of
    the file: the first one on a quiet machine, a later one on a busy machine."""
    known = 0
    for _ in range(10 * PATIENCE // 100):
        visit.page.wait_for_timeout(100)
        count = int(visit.page.inner_text("#count"))
        if count < 9 or count == known:
            continue
        known = count
        samples = captured(visit, newest=1)[0]
        if len(samples) == len(clip):
            played = aligned(clip, samples)
            if np.corrcoef(samples, played)[0, 1] > 0.98:
                return samples, played
    raise AssertionError(f"{known} windows, and none is {len(clip)} samples of the file in a row")


def captured(visit: Visit, newest: int = 0) -> list[NDArray[np.float32]]:
    """What the page gave to the model; `newest` 0 is all."""
    texts = visit.page.evaluate(
        """async (newest) => {
          const text = (samples) => new Promise((resolve) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result.split(",")[1]);
            reader.readAsDataURL(new Blob([samples]));
          });
          return Promise.all(window.heard.slice(-newest).map(text));
        }""",
        newest,
    )
    return [np.frombuffer(base64.b64decode(text), "<f4") for text in texts]


def aligned(clip: NDArray[np.float32], heard: NDArray[np.float32]) -> NDArray[np.float32]:
    """The clip, which was played again and again, turned to where `heard` begins."""
    spectrum = np.conj(np.fft.rfft(clip)) * np.fft.rfft(heard)
    return np.roll(clip, int(np.argmax(np.fft.irfft(spectrum, len(clip)))))


def test_without_a_network_once_stored(
    visit: Visit, browser_site: Path, speech_clip: NDArray[np.float32], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    write_clip(tmp_path / "speech.wav", speech_clip[:48_000])
    with serving(browser_site) as server:
        page = visit.open(server.url)
        expect(page.locator("#offline")).to_have_text("Stored: this page opens without a network.")
        server.stop()
        page.reload()
        page.locator("#microphone:enabled").wait_for()
        assert len(analyse(visit, tmp_path / "speech.wav")["readings"]) == 5
        page.click("#check")
        expect(page.locator("#check-result")).to_have_text(re.compile("^Passed: 6 clips"))
        page.click("text=model >> nth=-1")
        expect(page.locator("body")).to_contain_text("weights distilled from")


@pytest.fixture
def other_host(tmp_path: Path) -> Iterator[Server]:
    """Anywhere else: whatever reaches it left the page."""
    (tmp_path / "other").mkdir()
    with serving(tmp_path / "other") as server:
        yield server


def test_nothing_leaves_the_page(visit: Visit, browser_server: Server, other_host: Server) -> None:
    """Neither from the page nor, once the service worker serves it, from the model's worker."""
    from playwright.sync_api import expect

    page = visit.open(browser_server.url)
    expect(page.locator("#offline")).to_have_text(re.compile("^Stored"))
    page.reload()
    page.locator("#microphone:enabled").wait_for()
    attempt = f"fetch('{other_host.url}', {{mode: 'no-cors'}}).then(() => 'sent', () => 'refused')"
    assert page.evaluate(attempt) == "refused"
    (worker,) = page.workers
    assert worker.evaluate(attempt) == "refused"
    image = (
        f"new Promise((r) => {{const i = new Image(); i.onerror = r; i.src = '{other_host.url}'}})"
    )
    page.evaluate(image)
    assert other_host.asked == []


@pytest.fixture
def damaged(browser_site: Path, tmp_path: Path) -> Path:
    """A copy of the page to damage."""
    return Path(shutil.copytree(browser_site, tmp_path / "damaged"))


@pytest.mark.parametrize("name", ["model.int8.onnx", "runtime/ort-wasm-simd-threaded.wasm"])
def test_other_bytes_are_refused(visit: Visit, damaged: Path, name: str) -> None:
    from playwright.sync_api import expect

    data = bytearray((damaged / name).read_bytes())
    data[len(data) // 2] ^= 1
    (damaged / name).write_bytes(data)
    with serving(damaged) as server:
        page = visit.open(server.url)
        notice = page.locator("#notice")
        expect(notice).to_contain_text("is not the file that was exported: its SHA-256 is ")
        expect(notice).to_contain_text("copy the page's folder again")
        expect(page.locator("#microphone")).to_be_disabled()
        expect(page.locator("#file")).to_be_disabled()


def test_a_changed_clip_fails_the_check(visit: Visit, damaged: Path) -> None:
    from playwright.sync_api import expect

    clip = damaged / "golden" / "sweep.wav"
    clip.write_bytes(clip.read_bytes()[:-2] + b"\x11\x22")
    with serving(damaged) as server:
        page = visit.open(server.url)
        page.click("#check")
        expect(page.locator("#notice")).to_contain_text("Sweep.wav is not the file")
        expect(page.locator("#check-result")).to_have_text("could not be run")
        expect(page.locator("#offline")).to_contain_text("Not stored")


def test_a_missing_file_is_named(visit: Visit, damaged: Path) -> None:
    from playwright.sync_api import expect

    (damaged / "model.int8.onnx").unlink()
    with serving(damaged) as server:
        page = visit.open(server.url)
        expect(page.locator("#notice")).to_contain_text("cannot be fetched: the server answers 404")


def test_an_insecure_address_is_refused_in_words(visit: Visit, browser_server: Server) -> None:
    from playwright.sync_api import expect

    page = visit.open(f"http://elsewhere.test:{browser_server.port}/")
    expect(page.locator("#notice")).to_contain_text("http://localhost")
    expect(page.locator("#microphone")).to_be_disabled()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("WebAssembly.validate = () => false;", "no WebAssembly SIMD"),
        ("delete window.AudioWorkletNode;", "no AudioWorklet"),
    ],
)
def test_what_the_browser_lacks_is_named(
    visit: Visit, browser_server: Server, script: str, words: str
) -> None:
    from playwright.sync_api import expect

    visit.page.add_init_script(script)
    page = visit.open(browser_server.url)
    expect(page.locator("#notice")).to_contain_text(words)
    expect(page.locator("#state")).to_have_text("Not running")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotAllowedError", "does not let this page use the microphone"),
        ("NotFoundError", "There is no microphone"),
        ("NotReadableError", "another program may hold it"),
        ("OverconstrainedError", "not there any more"),
        ("SecurityError", "cannot be used: as told"),
    ],
)
def test_a_refused_microphone_is_explained(
    visit: Visit, browser_server: Server, name: str, words: str
) -> None:
    from playwright.sync_api import expect

    visit.page.add_init_script(
        f"navigator.mediaDevices.getUserMedia = async () => "
        f"{{throw new DOMException('as told', '{name}')}}"
    )
    page = visit.open(browser_server.url)
    page.click("#microphone")
    expect(page.locator("#notice")).to_contain_text(re.compile(words, re.IGNORECASE))
    expect(page.locator("#state")).to_have_text("Ready")
    expect(page.locator("#microphone")).to_be_enabled()


def test_a_microphone_that_vanishes(visit: Visit, browser_server: Server) -> None:
    from playwright.sync_api import expect

    visit.page.add_init_script(
        """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wish) => {
          window.wish = wish.audio;
          return (window.stream = await open(wish));
        };"""
    )
    page = visit.open(browser_server.url)
    page.click("text=Microphone settings")
    page.check("#noiseSuppression")
    page.click("#microphone")
    expect(page.locator("#count")).to_have_text(re.compile("^[1-9]"))
    wish = page.evaluate("window.wish")
    assert wish == {
        "channelCount": 1,
        "echoCancellation": False,
        "noiseSuppression": True,
        "autoGainControl": False,
    }
    assert page.locator("#device option").count() > 1
    page.evaluate("window.stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.locator("#notice")).to_contain_text("The microphone was disconnected")
    expect(page.locator("#microphone")).to_be_visible()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"not audio at all", "is not audio that this browser can decode"), (b"", "is not audio")],
)
def test_a_file_that_is_not_audio(
    visit: Visit, browser_server: Server, tmp_path: Path, content: bytes, words: str
) -> None:
    from playwright.sync_api import expect

    (tmp_path / "notes.wav").write_bytes(content)
    page = visit.open(browser_server.url)
    page.set_input_files("#file", tmp_path / "notes.wav")
    expect(page.locator("#notice")).to_contain_text(words)
    expect(page.locator("#state")).to_have_text("Ready")


def test_a_file_too_short_for_a_reading(
    visit: Visit, browser_server: Server, microphone_clip: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    write_clip(tmp_path / "short.wav", microphone_clip[:7_000])
    page = visit.open(browser_server.url)
    page.set_input_files("#file", tmp_path / "short.wav")
    expect(page.locator("#doing")).to_have_text("short.wav: less than 0.5 s: no reading")
    expect(page.locator("#download-json")).to_be_disabled()


def test_a_long_file_can_be_stopped(
    visit: Visit, browser_server: Server, microphone_clip: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    write_clip(tmp_path / "long.wav", np.tile(microphone_clip, 120))
    page = visit.open(browser_server.url)
    page.set_input_files("#file", tmp_path / "long.wav")
    expect(page.locator("#count")).to_have_text(re.compile("^[1-9]"))
    page.click("#stop")
    expect(page.locator("#state")).to_have_text("Stopped")
    count = len(download(visit, "json")["readings"])
    assert 0 < count < 1_200
    expect(page.locator("#doing")).to_have_text(f"long.wav: {count} readings")


def test_windows_are_the_commands_whatever_the_pieces(visit: Visit, browser_server: Server) -> None:
    random = np.random.default_rng(5)
    page = visit.open(browser_server.url)
    for window, hop in [(5.0, 0.5), (3.0, 0.7), (0.5, 1.1), (2.0, 2.0)]:
        pieces = random.integers(1, 30_000, size=20).tolist()
        found = page.evaluate(
            """async ([pieces, lengths]) => {
              const { WindowScheduler } = await import("./windows.js");
              const scheduler = new WindowScheduler(lengths);
              const told = ({ start, end, samples, partial }) =>
                [start, end, partial, samples.length, samples[0], samples.at(-1)];
              let at = 0;
              const all = pieces.flatMap((size) => {
                const block = Float32Array.from({ length: size }, () => at++);
                return scheduler.feed(block).map(told);
              });
              const last = scheduler.flush();
              return last ? [...all, told(last)] : all;
            }""",
            [
                pieces,
                {
                    "window": window * 16_000,
                    "hop": hop * 16_000,
                    "first": 16_000,
                    "shortest": 8_000,
                },
            ],
        )
        scheduler = WindowScheduler(window, hop)
        signal = np.arange(sum(pieces), dtype=np.float32)
        windows = [*scheduler.feed(signal), *(w for w in [scheduler.flush()] if w)]
        assert found == [
            [w.start, w.end, w.partial, len(w.samples), w.samples[0], w.samples[-1]]
            for w in windows
        ]


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_the_pages_resampler(visit: Visit, browser_server: Server, rate: int) -> None:
    """A tone stays what it is, one above 8 kHz is gone, and pieces do not matter."""
    page = visit.open(browser_server.url)
    seconds = np.arange(rate) / rate
    low = np.sin(2 * np.pi * 1_000 * seconds)
    high = np.sin(2 * np.pi * min(0.45 * rate, 10_000) * seconds) if rate > 20_000 else 0 * low
    once, pieces = page.evaluate(
        """async ([rate, samples]) => {
          const { Resampler } = await import("./resampler.js");
          const input = Float32Array.from(samples);
          const pieces = new Resampler(rate, 16000);
          const made = [];
          for (let at = 0, size = 1; at < input.length; at += size, size = (size * 7) % 997) {
            made.push(...pieces.feed(input.subarray(at, at + size)));
          }
          return [[...new Resampler(rate, 16000).feed(input)], made];
        }""",
        [rate, (low + high).tolist()],
    )
    assert pieces == once
    expected = np.sin(2 * np.pi * 1_000 * np.arange(len(once)) / SAMPLE_RATE)
    assert len(once) > 15_700
    assert np.abs(np.array(once) - expected)[800:-800].max() < 1e-4


def test_the_page_fits_a_phone_and_follows_the_theme(visit: Visit, browser_server: Server) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 740})
    visit.open(browser_server.url)
    page.click("text=Microphone settings")
    page.click("summary:has-text('Table')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) != light


def test_every_control_has_a_name(visit: Visit, browser_server: Server) -> None:
    page = visit.open(browser_server.url)
    page.click("text=Microphone settings")
    for role, names in {
        "button": ["Start microphone", "Check it", "JSON", "CSV"],
        "checkbox": ["echo cancellation", "noise suppression", "automatic gain"],
        "combobox": ["Device"],
        "meter": ["Level in dB of full scale"],
        "img": ["Trace; newest: no reading yet"],
    }.items():
        for name in names:
            assert page.get_by_role(role, name=name).count() == 1, name  # type: ignore[arg-type]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") != "BODY"
