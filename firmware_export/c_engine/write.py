"""Writing the C engine of a bundle: the hand-written sources and the generated tables."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from edge_ser import __version__
from edge_ser.bundle.reader import Bundle
from edge_ser.runtime.tables import read_tables
from firmware_export.c_engine.graph import read_graph
from firmware_export.c_engine.layout import LAYOUTS
from firmware_export.c_engine.model_source import Window, model_source
from firmware_export.targets import BACKBONE_TFLITE

SOURCES = Path(__file__).parent / "sources"

BLOCK_SECONDS = 0.5
FIRST_SECONDS = 1.0


@dataclass(frozen=True)
class SourceOptions:
    """How the engine is written.

    Attributes:
        layout: of the weights, a key of `LAYOUTS`.
        window_seconds: covered by a reading; None for the whole signal, read at its end.
        block_seconds: between readings; a window is that many times longer in memory.
        first_seconds: before the first reading.
        fixed_point: the front-end where a build does not say (ES_FRONTEND_FIXED); for cores
            without an FPU.
    """

    layout: str = "simd"
    window_seconds: float | None = 5.0
    block_seconds: float = BLOCK_SECONDS
    first_seconds: float = FIRST_SECONDS
    fixed_point: bool = False


def write_sources(bundle: Bundle, folder: Path, options: SourceOptions | None = None) -> list[Path]:
    """Write `include/`, `src/` and `device/` into a folder; equal bundles give equal bytes.

    Args:
        bundle: open; its backbone, tables and front-end are used.
        folder: made if it is not there.
        options: layout and window.

    Returns:
        The C files to compile for a library, relative to `folder`.

    Raises:
        InputError: a backbone that the engine cannot run, or a window that cannot be cut.
        EnvironmentMissing: the TFLite reader is not installed.
    """
    chosen = options or SourceOptions()
    tables = read_tables(bundle)
    content = bundle.read(BACKBONE_TFLITE)
    generated = model_source(
        read_graph(content),
        tables,
        LAYOUTS[chosen.layout],
        chosen.fixed_point,
        _window(bundle, chosen),
        __version__,
        hashlib.sha256(content).hexdigest(),
    )
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    (folder / "src" / "es_model.h").write_text(generated.header, encoding="utf-8")
    (folder / "src" / "es_model.c").write_text(generated.source, encoding="utf-8")
    return sorted(path.relative_to(folder) for path in (folder / "src").rglob("*.c"))


def _window(bundle: Bundle, options: SourceOptions) -> Window:
    if options.window_seconds is None:
        return Window.whole_signal()
    manifest = bundle.manifest
    return Window.of(
        manifest.frontend,
        manifest.student.time_stride,
        options.window_seconds,
        options.block_seconds,
        options.first_seconds,
    )
