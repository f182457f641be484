"""Puts the page together: its own files, the model, the runtime, and what it must know of them.

Two files are generated: `site.json`, what the page reads (shapes, hashes, golden values, licences),
and `site-files.js`, what the service worker stores for use without a network, each file by its
hash. Every number in them comes from the bundle's manifest. Equal bundles give equal bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from string import Template
from typing import Any

import edge_ser.stream.web
from edge_ser import SAMPLE_RATE
from edge_ser.bundle import Bundle
from edge_ser.bundle.golden_key import GoldenKey
from edge_ser.bundle.manifest import Figure, Manifest
from edge_ser.errors import InputError
from edge_ser.runtime.engine import SHORTEST_SAMPLES
from edge_ser.runtime.incremental.windows import FIRST_SAMPLES
from firmware_export.browser import runtime
from firmware_export.targets import INT8_ONNX

FOLDER = "web"
SHARED = (
    "drawing.js",
    "history.js",
    "icon-192.png",
    "icon-512.png",
    "icon.svg",
    "page.css",
    "panels.js",
    "plane.js",
    "trace.js",
)
"""Of the live page that `edge-ser stream` serves: the same look and drawings."""

SITE_SCHEMA = 1

_HERE = Path(__file__).parent
_PAGES = _HERE / "pages"
_LIVE_PAGES = Path(edge_ser.stream.web.__file__).parent / "pages"
_README = "README.md"
_SERVICE_WORKER = "service-worker.js"
_UNSTORED = (_README, _SERVICE_WORKER)
"""What the service worker does not store: itself, and what no visitor opens."""


def write_browser(bundle: Bundle, folder: Path) -> dict[str, Figure]:
    """Write the page.

    Args:
        bundle: open, with golden values.
        folder: made if it is not there; may be served as it is, from any path.

    Returns:
        Its size, for the manifest.

    Raises:
        InputError: the bundle has no ONNX model that takes a waveform of any length.
        EnvironmentMissing: npm or a package is missing.
    """
    _require_model(bundle.manifest)
    web_runtime = runtime.fetch_runtime()
    files = page_files()
    files |= {f"runtime/{name}": data for name, data in web_runtime.files.items()}
    files |= {f"licences/{name}": data for name, data in runtime.notices().items()}
    files |= {INT8_ONNX: bundle.read(INT8_ONNX)}
    files |= {path: bundle.read(path) for path in bundle.manifest.golden.clips.values()}
    files["licences/model.txt"] = _model_licences(bundle.manifest)
    files["site.json"] = _json(_site(bundle.manifest, web_runtime))
    files["site-files.js"] = _site_files(files)
    files[_README] = _readme(bundle.manifest, web_runtime.version, files)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    total = sum(len(data) for data in files.values())
    wasm = len(web_runtime.files[runtime.WASM])
    return {
        "web_page": Figure(total, "byte", "measured", f"all files of {FOLDER}/"),
        "web_runtime": Figure(wasm, "byte", "measured", f"of them {runtime.WASM}"),
    }


def page_files() -> dict[str, bytes]:
    """Path in the page -> contents of the files that are the same in every export."""
    shared = {name: (_LIVE_PAGES / name).read_bytes() for name in SHARED}
    own = {path.name: path.read_bytes() for path in _PAGES.iterdir() if path.is_file()}
    return dict(sorted((shared | own).items()))


def _require_model(manifest: Manifest) -> None:
    model = manifest.models.get(INT8_ONNX)
    if model is None or model.input_kind != "waveform" or model.fixed_samples is not None:
        raise InputError(
            f"the bundle has no {INT8_ONNX} that takes a waveform of any length",
            "export it again: edge-ser export --target browser",
        )


def _site(manifest: Manifest, web_runtime: runtime.WebRuntime) -> dict[str, Any]:
    model = manifest.models[INT8_ONNX]
    return {
        "schema": SITE_SCHEMA,
        "name": manifest.name,
        "version": manifest.version,
        "sample_rate": SAMPLE_RATE,
        "window_samples": round(manifest.window_seconds * SAMPLE_RATE),
        "hop_samples": round(manifest.hop_seconds * SAMPLE_RATE),
        "first_samples": FIRST_SAMPLES,
        "shortest_samples": SHORTEST_SAMPLES,
        "dimensions": list(manifest.dimensions),
        "model": {
            "file": INT8_ONNX,
            "sha256": manifest.files[INT8_ONNX].sha256,
            "bytes": manifest.files[INT8_ONNX].bytes,
            "input": model.inputs[0].name,
            "output": model.outputs[0].name,
        },
        "runtime": {
            "name": runtime.PACKAGE,
            "version": web_runtime.version,
            "module": f"runtime/{runtime.MODULE}",
            "wasm": f"runtime/{runtime.WASM}",
            "sha256": _sha256(web_runtime.files[runtime.WASM]),
            "bytes": len(web_runtime.files[runtime.WASM]),
        },
        "golden": _golden(manifest),
        "teacher": {"id": manifest.teacher.id, "licence": manifest.teacher.licence},
    }


def _golden(manifest: Manifest) -> dict[str, Any]:
    key = str(GoldenKey("onnxruntime", INT8_ONNX))
    expected = manifest.golden.expected.get(key, {})
    clips = {
        name: {
            "file": manifest.golden.clips[name],
            "sha256": manifest.files[manifest.golden.clips[name]].sha256,
            "expected": list(values),
        }
        for name, values in sorted(expected.items())
    }
    return {"tolerance": manifest.golden.tolerance.get(key, 0.0), "clips": clips}


def _site_files(files: dict[str, bytes]) -> bytes:
    """A script that gives the service worker its list; its bytes change with any file."""
    stored = {
        name: "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode()
        for name, data in sorted(files.items())
        if name not in _UNSTORED
    }
    version = _sha256(_json(stored) + files[_SERVICE_WORKER])[:16]
    return b"self.SITE = " + _json({"version": version, "files": stored}).rstrip() + b";\n"


def _model_licences(manifest: Manifest) -> bytes:
    lines = [
        f"{manifest.name}: weights distilled from {manifest.teacher.id}, "
        f"{manifest.teacher.licence}. Exported by edge-ser {manifest.version} (Apache-2.0).",
        "",
        "Data that went into the weights:",
        *(f"- {data.name}: {data.licence} ({data.use})" for data in manifest.training_data),
        "",
        "Attribution:",
        *(f"- {_credit(credit)}" for credit in manifest.attribution),
    ]
    return ("\n".join(lines) + "\n").encode()


def _credit(credit: Any) -> str:
    if isinstance(credit, dict):
        return "; ".join(f"{key}: {value}" for key, value in credit.items())
    return str(credit)


def _readme(manifest: Manifest, version: str, files: dict[str, bytes]) -> bytes:
    template = Template((_HERE / f"{_README}.template").read_text(encoding="utf-8"))
    values = {
        "student": manifest.name,
        "target": manifest.target,
        "edge_ser": manifest.version,
        "runtime": f"{runtime.PACKAGE} {version}",
        "model_bytes": f"{len(files[INT8_ONNX]):,}",
        "wasm_bytes": f"{len(files[f'runtime/{runtime.WASM}']):,}",
        "total_bytes": f"{sum(len(data) for data in files.values()):,}",
        "window": f"{manifest.window_seconds:g}",
        "hop": f"{manifest.hop_seconds:g}",
        "input": manifest.models[INT8_ONNX].inputs[0].name,
        "output": manifest.models[INT8_ONNX].outputs[0].name,
    }
    return template.substitute(values).encode()


def _json(values: Any) -> bytes:
    text = json.dumps(values, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return (text + "\n").encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
