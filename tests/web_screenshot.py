"""Makes the picture of the web page in the documentation: real speech through the shipped model.

    PYTHONPATH=. python tests/web_screenshot.py EMODB OUT.png [--phone] [--dark]

EMODB is a folder with `audio/` of the Berlin database of emotional speech (CC0). About a minute of
one speaker, with pauses, is streamed in real time through `edge-ser stream --web`; the picture is
taken from a browser just before the end. Needs Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, expect, sync_playwright
from web_fixtures import wait_until

from edge_ser.stream.access import split_address

CLIPS = (
    *("03a01Nc", "03a02Nc", "03a04Nc", "03a05Nd", "03a02Wb", "03a04Wc", "03a01Wa", "03a05Wa"),
    *("03a07Nc", "03b01Nb", "03a02Ta", "03a05Tc", "03b03Tc", "03b10Na", "03a01Fa", "03a02Fc"),
    *("03a04Fd", "03a07Fa", "03b02Na", "03b01Wa"),
)
"""Neutral, angry, sad and happy sentences of one speaker."""

RATE = 16_000
PAUSE_SECONDS = 0.6
LONG_PAUSE_SECONDS = 6.0
LONG_PAUSE_AFTER = 13
TAIL_SECONDS = 5.0
ADDRESS = "127.0.0.1:8799"

AUDIO_REACHES = """
(limit) => [...document.querySelectorAll("#counters div")].some((row) => {
  const [minutes, seconds] = row.lastChild.textContent.split(":").map(Number);
  return row.firstChild.textContent === "audio" && 60 * minutes + seconds > limit;
})
"""


def speech(folder: Path, out: Path) -> float:
    """Write the clips, with pauses between them, into one file; returns its seconds."""
    import soundfile

    noise = np.random.default_rng(0)
    parts = []
    for number, name in enumerate(CLIPS):
        samples, rate = soundfile.read(folder / "audio" / f"{name}.flac", dtype="float32")
        assert rate == RATE
        pause = LONG_PAUSE_SECONDS if number == LONG_PAUSE_AFTER else PAUSE_SECONDS
        parts += [0.5 * samples, noise.normal(0, 3e-4, round(pause * RATE)).astype(np.float32)]
    joined = np.concatenate(parts)
    soundfile.write(out, joined, RATE)
    return len(joined) / RATE


def picture(browser: Browser, seconds: float, out: Path, phone: bool, dark: bool) -> None:
    """Wait until the stream has come near its end, then take the picture."""
    page = browser.new_page(
        viewport={"width": 390, "height": 844} if phone else {"width": 1240, "height": 1010},
        color_scheme="dark" if dark else "light",
        device_scale_factor=2 if phone else 1,
    )
    wait_until(_listens, "the stream's page listens")
    page.goto(f"http://{ADDRESS}/")
    page.wait_for_function(AUDIO_REACHES, arg=seconds - TAIL_SECONDS, timeout=2000 * seconds)
    expect(page.locator("#state")).to_have_attribute("data-state", "speech", timeout=10_000)
    page.screenshot(path=out, full_page=True)


def _listens() -> bool:
    host, port = split_address(ADDRESS)
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def main() -> None:
    """Stream and take the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("emodb", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--dark", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        audio = Path(folder) / "EMO-DB, speaker 03.wav"
        seconds = speech(args.emodb, audio)
        stream = subprocess.Popen(
            [
                *(sys.executable, "-m", "edge_ser", "stream", "--file", str(audio), "--realtime"),
                *("--web", ADDRESS, "--hop", "0.25", "--quiet"),
                *("--on", "arousal > 0.7 for 2s", "--on", "valence < 0.35 for 2s"),
            ]
        )
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            picture(browser, seconds, args.out, args.phone, args.dark)
            browser.close()
        finally:
            stream.terminate()
            stream.wait(20)


if __name__ == "__main__":
    main()
