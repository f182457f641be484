"""`edge-ser doctor`: what is installed, what works, what to do about the rest."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

EXAMPLES = """\
  edge-ser doctor
  edge-ser doctor --json
"""

CANNOT_STREAM = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "--bundle", type=Path, help="try the runtimes with this one; default: the one shipped"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    """0 when this device can stream from a microphone, 3 otherwise."""
    from edge_ser.doctor.examine import as_text, examine

    report = examine(args.bundle)
    print(json.dumps(report.to_dict(), sort_keys=True) if args.json else as_text(report))
    return 0 if report.can_stream("microphone") else CANNOT_STREAM
