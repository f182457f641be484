"""Hand-offs of single targets: what `Target.extra` names, and where each is written.

A writer takes an open bundle and an empty folder and gives figures for the manifest. Writers are
imported when they run: each needs packages of its own.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_ser.bundle import Bundle
from edge_ser.bundle.manifest import Figure
from edge_ser.errors import EnvironmentMissing
from firmware_export.target import Target

Writer = Callable[[Bundle, Path], dict[str, Figure]]


@dataclass(frozen=True)
class Extra:
    """One hand-off.

    Attributes:
        folder: in the bundle.
        gets: what is in it, for the list of targets.
        runtime: what computes there.
        module, function: of the writer.
        programs: it calls them; each is a Debian package of the same name.
    """

    folder: str
    gets: str
    runtime: str
    module: str
    function: str
    programs: tuple[str, ...] = ()

    def writer(self) -> Writer:
        """The function that writes it.

        Raises:
            EnvironmentMissing: raised by the writer itself where a package lacks.
        """
        found: Writer = getattr(importlib.import_module(self.module), self.function)
        return found


def _ethos(unit: str) -> Extra:
    return Extra(
        "ethos-u",
        "ethos-u/ (backbone compiled by Vela with its estimates, front-end and head in C)",
        "TFLite-Micro with the Ethos-U operator",
        "firmware_export.ethos_u",
        f"write_{unit}",
    )


EXTRAS: dict[str, Extra] = {
    "tflm": Extra(
        "tflm",
        "tflm/ (model as a C array, operator resolver, arena size, front-end and head in C)",
        "TFLite-Micro",
        "firmware_export.tflm",
        "write_tflm",
    ),
    "ethos-u55": _ethos("u55"),
    "ethos-u65": _ethos("u65"),
    "ethos-u85": _ethos("u85"),
    "android": Extra(
        "android",
        "android/ (Kotlin class and README around model.int8.tflite)",
        "LiteRT in the app",
        "firmware_export.android",
        "write_android",
    ),
    "browser": Extra(
        "web",
        "web/ (a page that works offline: microphone or file, model and runtime included)",
        "onnxruntime-web (WebAssembly) in the browser",
        "firmware_export.browser",
        "write_browser",
        programs=("npm",),
    ),
}


def require_programs(target: Target) -> None:
    """Refuse to start what cannot be finished.

    Raises:
        EnvironmentMissing: names the Debian packages.
    """
    programs = EXTRAS[target.extra].programs if target.extra else ()
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        names = " ".join(missing)
        raise EnvironmentMissing(
            f"an export for {target.name} needs {names}",
            f"on Debian or Ubuntu: sudo apt-get install {names}",
        )


def write_extra(bundle: Bundle, folder: Path, target: Target) -> dict[str, Figure]:
    """Write the target's own hand-off below the bundle's folder, if it has one.

    Args:
        bundle: open, complete but for this.
        folder: of the bundle.
        target: says which.

    Returns:
        Figures for the manifest.

    Raises:
        EnvironmentMissing: a package is not installed.
        InputError: the model cannot run there.
        GateFailed: it gives other values there.
    """
    if not target.extra:
        return {}
    extra = EXTRAS[target.extra]
    return extra.writer()(bundle, folder / extra.folder)
