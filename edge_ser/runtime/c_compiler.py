"""Building the C engine as a shared library with this machine's compiler.

Only sources that edge-ser itself writes are compiled, and only libraries that were built here
from them are loaded, from a cache that is this user's alone: a binary inside a bundle never is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge_ser.errors import EnvironmentMissing

FLAGS = ("-std=c99", "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=default")
"""-ffp-contract=off: a fused multiply-add would give other bits than the other devices. -O2: the
kernels unroll themselves; -O3 takes 7 to 20 % longer (x86 with VNNI, gcc 12)."""

_TUNING = (("-march=native", "-mtune=generic"), ("-march=native",), ("-mcpu=native",), ())
"""Tried in this order: compilers differ in which one they know on which processor. Generic tuning:
what gcc 12 tunes for a newer processor (an AMD Zen 5) takes 20 % longer."""

_COMPILERS = ("cc", "gcc", "clang")
_HINT = "install one: sudo apt-get install gcc libc6-dev, or use another engine"


def find_compiler() -> str | None:
    """Path of the C compiler: $CC, or the first of cc, gcc and clang."""
    named = os.environ.get("CC")
    for candidate in (named,) if named else _COMPILERS:
        found = shutil.which(candidate)
        if found:
            return found
    return None


def compiler_version(compiler: str) -> str:
    """Its first line of `--version`; "" if it does not run."""
    try:
        said = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.splitlines()[0].strip() if said.returncode == 0 and said.stdout else ""


def build_library(folder: Path, files: Sequence[Path], defines: Sequence[str] = ()) -> Path:
    """Compile sources into a shared library, or take the one built from the same before.

    Args:
        folder: holds `include/`, `src/` and the files.
        files: C files, relative to it.
        defines: further arguments, e.g. "-DES_KERNEL_PLAIN".

    Returns:
        Path of the library in the cache.

    Raises:
        EnvironmentMissing: no compiler, it fails, or the cache cannot be written.
    """
    compiler = find_compiler()
    if compiler is None:
        raise EnvironmentMissing("the engine c needs a C compiler", _HINT)
    library = cache_folder() / f"{_fingerprint(folder, compiler, defines)}.so"
    if not library.is_file():
        _compile(compiler, folder, files, defines, library)
    return library


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/edge-ser/c-engine`, readable by this user only.

    Raises:
        EnvironmentMissing: it cannot be made, or belongs to somebody else.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "edge-ser" / "c-engine"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise EnvironmentMissing(
            f"the cache {folder} cannot be made: {error}", "set XDG_CACHE_HOME to another folder"
        ) from error
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise EnvironmentMissing(
            f"{folder} can be written by somebody else, and libraries are loaded from it",
            f"remove it, or: chmod 700 {folder}",
        )
    return folder


def _fingerprint(folder: Path, compiler: str, defines: Sequence[str]) -> str:
    """Of everything that decides the library: sources, flags, compiler, and the processor."""
    digest = hashlib.sha256(
        repr((compiler_version(compiler), FLAGS, _TUNING, list(defines))).encode()
    )
    digest.update(_processor().encode())
    for path in sorted(folder.rglob("*.[ch]")):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _processor() -> str:
    """What -march=native depends on: a home folder may be shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return os.uname().machine
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


def _compile(
    compiler: str, folder: Path, files: Sequence[Path], defines: Sequence[str], library: Path
) -> None:
    """Write the library whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".building-", dir=library.parent) as scratch:
        made = Path(scratch, "library.so")
        command = [compiler, *FLAGS, "-Iinclude", "-Isrc", *defines, *map(str, files)]
        for tuning in _TUNING:
            done = subprocess.run(
                [*command, *tuning, "-o", str(made)], cwd=folder, capture_output=True, text=True
            )
            if done.returncode == 0:
                made.replace(library)
                return
    last = " / ".join(done.stderr.strip().splitlines()[-3:])
    raise EnvironmentMissing(f"{compiler} cannot build the engine c: {last}", _HINT)
