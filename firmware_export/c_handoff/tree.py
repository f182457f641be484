"""The sources of `c/`: the engine of one bundle in the target's layout, and what belongs to it.

Of the `device` folder only what the target can use goes along.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.runtime.c import to_pcm
from firmware_export.c_engine import SourceOptions, write_sources
from firmware_export.c_engine.demo_clip import demo_clip_source
from firmware_export.target import CBuild, Demo, Target

DEMO_CLIP = "excited-speech"
DEMO_SECONDS = 2.5

_LINUX_ONLY = ("edge_ser_live.c", "es_board_posix.c", "es_transport_posix.c")
_PROBE = ("es_probe.c", "es_board.h", "es_crc32.*", "es_measure.*", "es_text.*", "es_transport.h")
"""The server that `edge-ser device-test` talks to, on every target."""


def source_options(bundle: Bundle, c: CBuild) -> SourceOptions:
    """The engine as the manifest's stream and the target want it."""
    manifest = bundle.manifest
    return SourceOptions(
        layout=c.layout,
        window_seconds=manifest.window_seconds,
        block_seconds=manifest.hop_seconds,
        fixed_point=c.frontend == "fixed",
    )


def demo_samples(bundle: Bundle, target: Target) -> NDArray[np.int16]:
    """The sound of the demo firmware; under Linux the whole clip.

    Returns:
        (samples,) int16, 16 kHz.
    """
    whole = to_pcm(read_clip(bundle, DEMO_CLIP))
    return whole[: round(DEMO_SECONDS * SAMPLE_RATE)] if target.demo else whole


def write_tree(
    bundle: Bundle, folder: Path, target: Target, options: SourceOptions
) -> tuple[Path, ...]:
    """Write include/, src/ and device/.

    Args:
        bundle: open.
        folder: made if it is not there.
        target: decides what of `device/` stays.
        options: of the engine.

    Returns:
        C files of the library, relative to `folder`.

    Raises:
        InputError: a backbone that the engine cannot run.
    """
    files = write_sources(bundle, folder, options)
    device = folder / "device"
    if target.demo:
        _keep_for_firmware(device, target.demo)
        source = demo_clip_source(demo_samples(bundle, target))
        (device / "es_demo_clip.c").write_text(source, encoding="utf-8")
    else:
        _keep_for_linux(device)
    return tuple(files)


def _keep_for_linux(device: Path) -> None:
    wanted = {path for name in (*_LINUX_ONLY, *_PROBE) for path in device.glob(name)}
    _remove(device, lambda path: path not in wanted)


def _keep_for_firmware(device: Path, demo: Demo) -> None:
    """All transports for bare cores stay: a product's own is written after them."""

    def foreign(path: Path) -> bool:
        script = path.suffix == ".ld" and path.name not in (demo.script, "es_sections.ld")
        start = path.name.startswith("es_start_") and path.name not in demo.sources
        return script or start or path.name in _LINUX_ONLY

    _remove(device, foreign)


def _remove(folder: Path, unwanted: Callable[[Path], bool]) -> None:
    for path in [path for path in sorted(folder.iterdir()) if unwanted(path)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
