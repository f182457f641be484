"""What an Android app needs beside the bundle's own files: a Kotlin class and a README.

Every shape, name and number in them comes from the manifest. Builds no app and ships no runtime.
"""

from __future__ import annotations

from pathlib import Path
from string import Template

from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.bundle.golden_key import GoldenKey
from edge_ser.bundle.manifest import Figure, Manifest, TensorInfo
from edge_ser.errors import InputError
from firmware_export.targets import BACKBONE_TFLITE, INT8_TFLITE

PACKAGE = "edgeser"

_FILES = Path(__file__).parent / "android_files"


def write_android(bundle: Bundle, folder: Path) -> dict[str, Figure]:
    """Write `EdgeSer.kt` and `README.md`; equal bundles give equal bytes.

    Args:
        bundle: open.
        folder: made if it is not there.

    Returns:
        No figures: sizes and hashes are in the manifest already.

    Raises:
        InputError: the bundle has no waveform model of fixed length.
    """
    values = _values(bundle.manifest) | _golden(bundle)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("EdgeSer.kt", "README.md"):
        template = Template((_FILES / f"{name}.template").read_text(encoding="utf-8"))
        (folder / name).write_text(template.substitute(values), encoding="utf-8")
    return {}


def _values(manifest: Manifest) -> dict[str, str]:
    model = manifest.models.get(INT8_TFLITE)
    if model is None or model.fixed_samples is None or model.input_kind != "waveform":
        raise InputError(
            f"the bundle has no {INT8_TFLITE} that takes a waveform of fixed length",
            "export it again: edge-ser export --target android",
        )
    source, result = model.inputs[0], model.outputs[0]
    low, high = manifest.output_range
    return {
        "package": PACKAGE,
        "student": manifest.name,
        "file": INT8_TFLITE,
        "bytes": f"{manifest.files[INT8_TFLITE].bytes:,}",
        "backbone": BACKBONE_TFLITE,
        "sample_rate": str(manifest.sample_rate),
        "samples": str(model.fixed_samples),
        "seconds": f"{model.fixed_samples / manifest.sample_rate:g}",
        "input": source.name,
        "input_shape": _shape(source),
        "input_type": source.dtype,
        "output": result.name,
        "output_shape": _shape(result),
        "output_type": result.dtype,
        "outputs": str(result.shape[-1]),
        "order": ", ".join(manifest.dimensions),
        "low": f"{low:g}",
        "high": f"{high:g}",
        **{name: str(index) for index, name in enumerate(manifest.dimensions)},
    }


def _shape(tensor: TensorInfo) -> str:
    return f"[{', '.join(str(size) for size in tensor.shape)}]"


def _golden(bundle: Bundle) -> dict[str, str]:
    """Values of LiteRT on the one-file model, as recorded at export.

    Of clips of its own length only: the others went through the backbone when they were recorded.
    """
    manifest = bundle.manifest
    key = str(GoldenKey("litert", INT8_TFLITE))
    samples = manifest.models[INT8_TFLITE].fixed_samples
    rows = [
        f"| {manifest.golden.clips[clip]} | {' | '.join(f'{value:.4f}' for value in values)} |"
        for clip, values in sorted(manifest.golden.expected.get(key, {}).items())
        if len(read_clip(bundle, clip)) == samples
    ]
    head = [f"| clip | {' | '.join(manifest.dimensions)} |", "|---|---:|---:|---:|"]
    tolerance = manifest.golden.tolerance.get(key, 0.0)
    return {"golden": "\n".join([*head, *rows]), "tolerance": f"{tolerance:g}"}
