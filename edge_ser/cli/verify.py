"""`edge-ser verify`: a bundle's integrity and golden vectors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.errors import EdgeSerError

if TYPE_CHECKING:
    from edge_ser.runtime.verification import Verification

EXAMPLES = """\
  edge-ser verify bundles/wav2small-rpi.tar.gz
  edge-ser verify wav2small-rpi.tar.gz --expect-sha256 95e0449f3571...
  edge-ser verify bundles/wav2small-rpi --engine litert --json
  edge-ser verify                        # the bundle that ships with edge-ser
"""


_KERNELS = {"default": "", "reference": " (reference kernels)"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, help="folder or .tar.gz; default: the one shipped"
    )
    parser.add_argument(
        "--engine",
        action="append",
        metavar="NAME",
        help="litert, tflite-runtime, onnxruntime or c (repeatable); default: each one installed",
    )
    parser.add_argument(
        "--expect-sha256",
        metavar="HEX",
        help="hash that the archive (of a folder: its manifest.json) must have",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    """0 when intact and all golden vectors hold, 1 when one does not, 4 when refused."""
    try:
        report = _verify(args)
    except EdgeSerError as error:
        if args.json:
            print(json.dumps({"verified": False, "error": str(error), "hint": error.hint}))
        raise
    print(json.dumps(report.to_dict(), sort_keys=True) if args.json else _text(report))
    return 0 if report.verified else 1


def _verify(args: argparse.Namespace) -> Verification:
    from edge_ser.bundle import open_bundle
    from edge_ser.models import shipped
    from edge_ser.runtime.verification import verify_bundle

    engines = tuple(args.engine) if args.engine else None
    with open_bundle(args.bundle or shipped("bundle"), args.expect_sha256) as bundle:
        return verify_bundle(bundle, engines)


def _text(report: Verification) -> str:
    lines = [
        f"{report.student} for {report.target}, exported by edge-ser {report.version}",
        f"  intact: {report.files} files, {report.bytes / 1000:.1f} KB, SHA-256 {report.sha256}",
    ]
    for check in report.checks:
        mark = "ok  " if check.passed else "FAIL"
        lines.append(
            f"  {mark}  {check.engine} {check.version}  {check.artefact}"
            f"{_KERNELS[check.kernels]}: {check.clips} golden "
            f"clips, largest difference {check.largest:.2g} ({check.worst_clip}), "
            f"allowed {check.tolerance:.2g}"
        )
    lines += [f"  --    {engine}: {reason}" for engine, reason in sorted(report.skipped.items())]
    if report.unlisted:
        lines.append(f"  note: {len(report.unlisted)} files are not in the manifest and not used")
    lines.append("verified" if report.verified else _failure(report))
    return "\n".join(lines)


def _failure(report: Verification) -> str:
    if not report.checks:
        return "NOT verified: the bundle has no golden values for any runtime here"
    return "NOT verified: this runtime computes other values than the exporter's did"
