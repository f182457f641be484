"""ONNX Runtime for browsers, from npm: fetched at export, at the version and hashes of a lock file.

`npm ci` refuses a package whose bytes differ from the lock's SHA-512, so equal projects give equal
files. npm keeps what it fetched: a second export needs no network. Only the single-threaded use
of the WebAssembly build is taken, which needs no special headers from the server.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge_ser.errors import EnvironmentMissing

PACKAGE = "onnxruntime-web"
MODULE = "ort.wasm.bundle.min.mjs"
WASM = "ort-wasm-simd-threaded.wasm"

_LOCK = Path(__file__).parent / "npm"
_LOCK_FILES = ("package.json", "package-lock.json")
_NOTICES = ("LICENSE", "ThirdPartyNotices.txt")


@dataclass(frozen=True)
class WebRuntime:
    """What a page needs to run an ONNX model.

    Attributes:
        version: of the npm package.
        files: name -> contents: a JavaScript module and WebAssembly.
    """

    version: str
    files: dict[str, bytes]


def locked_version() -> str:
    """The version that the lock file names."""
    lock = json.loads((_LOCK / "package-lock.json").read_text(encoding="utf-8"))
    version: str = lock["packages"][f"node_modules/{PACKAGE}"]["version"]
    return version


def fetch_runtime() -> WebRuntime:
    """Install the package into a temporary folder and take two files from it.

    Raises:
        EnvironmentMissing: no npm, no network on the first use, or not the locked bytes.
    """
    if shutil.which("npm") is None:
        raise EnvironmentMissing(
            f"the page's runtime, {PACKAGE}, comes from npm, which is not here",
            "on Debian or Ubuntu: sudo apt-get install npm",
        )
    with tempfile.TemporaryDirectory(prefix="edge-ser-npm-") as scratch:
        for name in _LOCK_FILES:
            shutil.copy(_LOCK / name, scratch)
        _npm_ci(Path(scratch))
        dist = Path(scratch, "node_modules", PACKAGE, "dist")
        files = {name: _read(dist / name) for name in (MODULE, WASM)}
    return WebRuntime(locked_version(), files)


def notices() -> dict[str, bytes]:
    """File name -> ONNX Runtime's licence, and those of what is compiled into it.

    The npm package holds neither; the Python package of the same project does.

    Raises:
        EnvironmentMissing: it is not installed.
    """
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise EnvironmentMissing(
            "ONNX Runtime's licences come from its Python package, which is not here",
            "pip install 'edge-ser[export]'",
        )
    folder = Path(spec.origin).parent
    return {f"onnxruntime-{name}": _read(folder / name) for name in _NOTICES}


def _npm_ci(folder: Path) -> None:
    command = ["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--prefer-offline"]
    quiet = {"npm_config_update_notifier": "false", "npm_config_audit": "false"}
    result = subprocess.run(
        [*command, "--no-fund"],
        cwd=folder,
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()[:3]
        raise EnvironmentMissing(
            f"npm could not bring {PACKAGE} {locked_version()}: {' / '.join(said)}",
            "the first export for a browser needs the npm registry: check the network and "
            "`npm config get registry`, and run the command again",
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise EnvironmentMissing(
            f"{path.name} is not where it is expected in its package",
            "install the tested versions: pip install -c constraints.txt",
        ) from error
