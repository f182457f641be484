"""The C engine for tests: built from a bundle with chosen options, its insides observable."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ser.bundle import open_bundle
from edge_ser.runtime.c import declare, new_engine
from edge_ser.runtime.c_compiler import find_compiler
from firmware_export.c_engine import SourceOptions, write_sources

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
FLAGS = (*STRICT, "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-Iinclude", "-Isrc")

_CODES = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int8), ctypes.c_int)
_OUTPUTS = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_int8),
    ctypes.POINTER(ctypes.c_int8),
    ctypes.c_int,
)


@dataclass
class Observed:
    """One C engine, and every row that has gone through it since `restart`.

    Attributes:
        library: with the public functions declared.
        codes: (n_mels,) int8 log-mel rows.
        values, scores: (features,) int8 output frames, bands x channels.
    """

    library: Any
    codes: list[NDArray[np.int8]] = field(default_factory=list)
    values: list[NDArray[np.int8]] = field(default_factory=list)
    scores: list[NDArray[np.int8]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._memory, self.handle = new_engine(self.library)
        self._see_codes = _CODES(self._take_codes)
        self._see_outputs = _OUTPUTS(self._take_outputs)
        observe = self.library.es_set_observer
        observe.restype = None
        observe.argtypes = (ctypes.c_void_p, _CODES, _OUTPUTS, ctypes.c_void_p)
        observe(self.handle, self._see_codes, self._see_outputs, None)

    def _take_codes(self, _: Any, codes: Any, count: int) -> None:
        self.codes.append(np.ctypeslib.as_array(codes, (count,)).copy())

    def _take_outputs(self, _: Any, values: Any, scores: Any, count: int) -> None:
        self.values.append(np.ctypeslib.as_array(values, (count,)).copy())
        self.scores.append(np.ctypeslib.as_array(scores, (count,)).copy())

    def restart(self) -> None:
        """Reset the engine and forget what was seen."""
        self.library.edge_ser_reset(self.handle)
        for seen in (self.codes, self.values, self.scores):
            seen.clear()

    def push(self, pcm: NDArray[np.int16]) -> None:
        """(samples,) int16, any number."""
        pointer = np.ascontiguousarray(pcm).ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        self.library.edge_ser_push(self.handle, pointer, len(pcm))

    def finish(self) -> None:
        """The signal ends."""
        self.library.edge_ser_finish(self.handle)

    def set_level(self, mean: float, variance: float) -> None:
        """A fixed level."""
        self.library.edge_ser_set_level(self.handle, mean, variance)

    def result(self) -> Any:
        """The engine's latest reading."""
        return self.library.edge_ser_get_result(self.handle)

    def adv(self) -> NDArray[np.float32]:
        """(3,) of the latest reading."""
        result = self.result()
        return np.array([result.arousal, result.dominance, result.valence], np.float32)


Build = Callable[..., Observed]


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
    ) -> Observed:
        key = (defines, options, bundle)
        if key not in built:
            folder = tmp_path_factory.mktemp("c")
            with open_bundle(bundle) as opened:
                files = write_sources(opened, folder, options)
            command = [compiler(), *FLAGS, *defines, *map(str, files), "-o", "engine.so"]
            subprocess.run(command, cwd=folder, check=True)
            built[key] = declare(ctypes.CDLL(str(folder / "engine.so")))
        return Observed(built[key])

    return build


def run_c_program(
    sources: str, folder: Path, files: list[Path], *flags: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Compile a C program together with engine files and run it."""
    with tempfile.NamedTemporaryFile("w", suffix=".c", dir=folder, delete=False) as file:
        file.write(sources)
    program = folder / "program"
    command = [compiler(), *STRICT, *flags, "-ffp-contract=off", "-Iinclude", "-Isrc"]
    subprocess.run(
        [*command, file.name, *map(str, files), "-o", str(program)], cwd=folder, check=True
    )
    return subprocess.run([str(program)], input=stdin, capture_output=True)
