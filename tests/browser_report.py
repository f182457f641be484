"""Measures the browser target on real speech, and makes its picture for the documentation.

    PYTHONPATH=.:tests python tests/browser_report.py EMODB [--picture OUT.png] [--seconds 90]

EMODB is a folder with `audio/` of the Berlin database of emotional speech (CC0). Its first clips in
a row are given to the page in Chromium, in several formats and rates; every window's values are
compared with the command's engine on the command's own reading of the same file. Needs npm and
Chromium.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from browser_fixtures import PATIENCE, Visit, launch, serving
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect, sync_playwright

import edge_ser
from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.bundle import open_bundle
from edge_ser.runtime import load_engine
from edge_ser.stream.analysis.windows import WindowScheduler
from edge_ser.stream.capture.file_source import AudioFile
from firmware_export.browser import write_browser

BUNDLE = Path(edge_ser.__file__).parent / "models" / "bundle"

FORMATS = (
    ("16 kHz WAV", 16_000, "wav", "PCM_16"),
    ("44.1 kHz WAV", 44_100, "wav", "PCM_16"),
    ("48 kHz FLAC", 48_000, "flac", "PCM_16"),
    ("44.1 kHz MP3", 44_100, "mp3", "MPEG_LAYER_III"),
    ("48 kHz Ogg Vorbis", 48_000, "ogg", "VORBIS"),
)


def speech(folder: Path, seconds: float) -> NDArray[np.float32]:
    """(n,) at 16 kHz: the first clips of the corpus in a row."""
    pieces: list[NDArray[np.float32]] = []
    for path in sorted((folder / "audio").iterdir()):
        samples, rate = soundfile.read(path, dtype="float32")
        pieces.append(soxr.resample(samples, rate, SAMPLE_RATE))
        if sum(map(len, pieces)) >= seconds * SAMPLE_RATE:
            break
    return np.concatenate(pieces)[: round(seconds * SAMPLE_RATE)]


def command_values(path: Path) -> NDArray[np.float32]:
    """(windows, 3) as `edge-ser stream --file` hears the file, each window computed whole."""
    with open_bundle(BUNDLE) as bundle:
        engine = load_engine(bundle, "onnxruntime", "model.int8.onnx")
    scheduler = WindowScheduler(5.0, 0.5)
    windows = []
    with AudioFile(path) as source:
        while (block := source.read()) is not None:
            windows += list(scheduler.feed(block))
    windows += [window for window in [scheduler.flush()] if window]
    return np.array([engine.predict(window.samples) for window in windows])


def page_readings(visit: Visit, path: Path) -> list[dict[str, Any]]:
    """What the page lets one download of a file."""
    visit.page.set_input_files("#file", path)
    expect(visit.page.locator("#source")).to_have_text(path.name)
    expect(visit.page.locator("#state")).to_have_text("Done", timeout=10 * PATIENCE)
    with visit.page.expect_download() as caught:
        visit.page.click("#download-json")
    readings: list[dict[str, Any]] = json.loads(caught.value.path().read_text())["readings"]
    return readings


def measure(visit: Visit, samples: NDArray[np.float32], folder: Path) -> None:
    """A table row per format."""
    print("| file | windows | mean difference | largest |\n|---|---:|---:|---:|")
    for title, rate, suffix, subtype in FORMATS:
        path = folder / f"speech-{rate}.{suffix}"
        with soundfile.SoundFile(path, "w", rate, 1, subtype) as file:
            # In pieces: libsndfile's Vorbis encoder dies of a minute at once.
            for piece in np.array_split(soxr.resample(samples, SAMPLE_RATE, rate), 100):
                file.write(piece)
        readings = page_readings(visit, path)
        found = np.array([[reading[name] for name in DIMENSIONS] for reading in readings])
        expected = command_values(path)
        count = min(len(found), len(expected))  # padding of lossy formats may add a last window
        difference = np.abs(found[:count] - expected[:count])
        print(f"| {title} | {count} | {difference.mean():.1e} | {difference.max():.1e} |")
        if rate == SAMPLE_RATE:
            print_speed(readings, expected, samples)


def print_speed(readings: list[dict[str, Any]], expected: Any, samples: Any) -> None:
    """Inference in the page against the command's engine, in one run."""
    with open_bundle(BUNDLE) as bundle:
        engine = load_engine(bundle, "onnxruntime", "model.int8.onnx", threads=1)
    window = samples[: 5 * SAMPLE_RATE]
    times = []
    for _ in range(len(expected)):
        start = time.perf_counter()
        engine.predict(window)
        times.append(1000 * (time.perf_counter() - start))
    page = np.median([r["inference_ms"] for r in readings if not r["partial"]])
    here = np.median(times)
    print(f"<!-- a window: page {page:.1f} ms, Python {here:.1f} ms: {page / here:.1f}x -->")


def listen(visit: Visit, picture: Path) -> None:
    """A minute of the fake microphone, then the picture."""
    visit.page.click("#check")
    expect(visit.page.locator("#check-result")).to_contain_text("Passed", timeout=PATIENCE)
    visit.page.click("#microphone")
    for count in range(10, 120, 10):
        expect(visit.page.locator("#count")).to_have_text(str(count), timeout=PATIENCE)
    drawn = Image.open(io.BytesIO(visit.page.screenshot(full_page=True)))
    drawn.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)


def main() -> None:
    """Measure, then the picture if asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("emodb", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--seconds", type=float, default=90.0)
    arguments = parser.parse_args()
    samples = speech(arguments.emodb, arguments.seconds)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        with open_bundle(BUNDLE) as bundle:
            write_browser(bundle, folder / "web")
        quieter = samples / 4  # the corpus is as loud as a file can be
        soundfile.write(folder / "microphone.wav", quieter, SAMPLE_RATE, subtype="PCM_16")
        browser = launch(playwright, folder / "microphone.wav")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        visit = Visit(page)
        with serving(folder / "web") as server:
            visit.open(server.url)
            if arguments.picture:
                listen(visit, arguments.picture)
            else:
                measure(visit, samples, folder)
        browser.close()
    assert visit.errors == []


if __name__ == "__main__":
    main()
