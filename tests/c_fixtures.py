"""The C engine for tests: built from a bundle with chosen options, its insides observable."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_tests.observed_engine import ObservedEngine
from edge_ser.bundle import open_bundle
from edge_ser.runtime.c import declare
from edge_ser.runtime.c_compiler import find_compiler
from firmware_export.c_engine import SourceOptions, write_sources

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
FLAGS = (*STRICT, "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-Iinclude", "-Isrc")

Build = Callable[..., ObservedEngine]


def compiler() -> str:
    """The C compiler; skips the test where there is none."""
    found = find_compiler()
    if found is None:
        pytest.skip("no C compiler: sudo apt-get install gcc libc6-dev")
    return found


@pytest.fixture(scope="session")
def build_c(exported_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build an engine of the real bundle (or of another one); equal requests share a library."""
    built: dict[Any, Any] = {}

    def build(
        *defines: str, options: SourceOptions | None = None, bundle: Path = exported_bundle
    ) -> ObservedEngine:
        key = (defines, options, bundle)
        if key not in built:
            folder = tmp_path_factory.mktemp("c")
            with open_bundle(bundle) as opened:
                files = write_sources(opened, folder, options)
            command = [compiler(), *FLAGS, *defines, *map(str, files), "-o", "engine.so"]
            subprocess.run(command, cwd=folder, check=True)
            built[key] = declare(ctypes.CDLL(str(folder / "engine.so")))
        return ObservedEngine(built[key])

    return build
