"""The engine `c`: the project's own C99 engine, built here and called through ctypes.

The same sources run on microcontrollers, so this is what a device computes: the int8 backbone is
that of TFLite's reference kernels to the bit. Per clip, with the clip's own level, as all engines;
samples are rounded to 16 bits first, since the engine hears PCM. Thread-safe only per engine.
"""

from __future__ import annotations

import ctypes
import importlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.reader import Bundle
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.runtime.c_compiler import build_library
from edge_ser.runtime.engine import Kernels, check_audio

GENERATOR = "firmware_export.c_engine"
"""Writes the sources. Looked up by name when the engine is loaded, as the other runtimes are."""

_ALIGNMENT = 64


class Result(ctypes.Structure):
    """edge_ser_result of edge_ser.h."""

    _fields_ = (
        ("arousal", ctypes.c_float),
        ("dominance", ctypes.c_float),
        ("valence", ctypes.c_float),
        ("blocks", ctypes.c_uint32),
        ("ready", ctypes.c_bool),
    )


@dataclass(frozen=True)
class CEngine:
    """An `Engine` around a library built from a bundle's backbone."""

    name: str
    version: str
    artefact: str
    kernels: Kernels
    load_seconds: float
    library: Any
    memory: Any
    handle: int

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine.predict`."""
        clip = check_audio(audio).astype(np.float64)
        mean, variance = float(clip.mean()), float(clip.var())
        self.library.edge_ser_reset(self.handle)
        self.library.edge_ser_set_level(self.handle, mean, variance)
        self.push(to_pcm(audio))
        self.library.edge_ser_finish(self.handle)
        result = self.library.edge_ser_get_result(self.handle)
        return np.array([result.arousal, result.dominance, result.valence], np.float32)

    def push(self, pcm: NDArray[np.int16]) -> None:
        """(samples,) int16 into the engine, any number."""
        self.library.edge_ser_push(
            self.handle, pcm.ctypes.data_as(ctypes.POINTER(ctypes.c_int16)), len(pcm)
        )


def to_pcm(audio: NDArray[np.floating]) -> NDArray[np.int16]:
    """Nearest 16-bit samples, full scale 32768, saturating; any shape."""
    return np.clip(np.rint(audio * 32_768.0), -32_768, 32_767).astype(np.int16)


def load_c(bundle: Bundle, name: str, version: str, artefact: str, kernels: Kernels) -> CEngine:
    """Load the engine of a bundle for clips.

    Args:
        bundle: open; its int8 backbone is used.
        name, version: for the record.
        artefact: the backbone's file name.
        kernels: "reference" for the plain C kernels, "default" for this processor's fast ones;
            both give the same bits.

    Raises:
        EnvironmentMissing: no compiler, or the generator's packages are not installed.
        InputError: a backbone that the engine cannot run.
    """
    start = time.perf_counter()
    library = build_engine(bundle, kernels, window_seconds=None)
    memory, handle = new_engine(library)
    seconds = time.perf_counter() - start
    return CEngine(name, version, artefact, kernels, seconds, library, memory, handle)


def build_engine(bundle: Bundle, kernels: Kernels, **options: float | None) -> Any:
    """The library of a bundle, built or from the cache, its functions declared.

    Args:
        bundle: open; its int8 backbone is used.
        kernels: see `load_c`.
        options: window of the readings, as in the generator's `SourceOptions`.

    Raises:
        EnvironmentMissing: no compiler, or the generator's packages are not installed.
        InputError: a backbone that the engine cannot run, or a window that cannot be cut.
    """
    try:
        generator: Any = importlib.import_module(GENERATOR)
    except ImportError as error:
        raise EnvironmentMissing(
            f"the engine c is written by a module that does not load: {error}",
            "pip install 'edge-ser[c]'",
        ) from error
    chosen = generator.SourceOptions(layout="simd", **options)
    defines = ["-DES_KERNEL_PLAIN"] if kernels == "reference" else []
    with tempfile.TemporaryDirectory(prefix="edge-ser-c-") as scratch:
        folder = Path(scratch)
        files = generator.write_sources(bundle, folder, chosen)
        return declare(ctypes.CDLL(str(build_library(folder, files, defines))))


def declare(library: Any) -> Any:
    """Types of the public functions; ctypes would take pointers for ints otherwise."""
    handle, size = ctypes.c_void_p, ctypes.c_size_t
    samples = ctypes.POINTER(ctypes.c_int16)
    signatures: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "edge_ser_get_buffer_size": (size, ()),
        "edge_ser_init": (handle, (handle, size)),
        "edge_ser_reset": (None, (handle,)),
        "edge_ser_push": (None, (handle, samples, size)),
        "edge_ser_finish": (None, (handle,)),
        "edge_ser_set_level": (None, (handle, ctypes.c_float, ctypes.c_float)),
        "edge_ser_get_result": (Result, (handle,)),
        "edge_ser_version": (ctypes.c_char_p, ()),
        "edge_ser_model_sha256": (ctypes.c_char_p, ()),
        "edge_ser_kernels": (ctypes.c_char_p, ()),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def new_engine(library: Any) -> tuple[Any, int]:
    """Memory for one engine, which must be kept, and the engine in it.

    Raises:
        InputError: the library refuses its own size, which only a damaged one does.
    """
    size = library.edge_ser_get_buffer_size()
    memory = ctypes.create_string_buffer(size + _ALIGNMENT)
    address = -(-ctypes.addressof(memory) // _ALIGNMENT) * _ALIGNMENT
    handle = library.edge_ser_init(address, size)
    if not handle:
        raise InputError(f"the C engine does not accept {size} bytes", "remove the cache of it")
    return memory, int(handle)
