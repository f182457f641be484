"""`edge-ser device-test`: arguments and the printed table; the work is in device_tests."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device_tests.checks import Check, DeviceReport

EXAMPLES = """\
  edge-ser device-test bundles/rpi                      every engine of the default device
  edge-ser device-test bundles/rpi.tar.gz --engine litert --report device.json
  edge-ser device-test --device rpi-aarch64-trixie      the bundle that ships with edge-ser
  edge-ser device-test --list

The first run downloads a Debian system and the runtimes' aarch64 wheels into the cache.
It needs qemu-user, no root, and reports values, never durations.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, help="folder or .tar.gz; default: the one shipped"
    )
    parser.add_argument("--device", metavar="NAME", help="see --list; default: rpi-aarch64")
    parser.add_argument("--list", action="store_true", help="show the devices")
    parser.add_argument(
        "--engine",
        action="append",
        metavar="NAME",
        help="runtime to try (repeatable); default: all that the device has",
    )
    parser.add_argument(
        "--file", type=Path, metavar="AUDIO", help="what to stream; default: a golden clip"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="default: ~/.cache/edge-ser")
    parser.add_argument(
        "--mirror",
        metavar="URL",
        help="Debian archive to download from; default: the one of this system's apt",
    )
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="also write the result")


def run(args: argparse.Namespace) -> int:
    """0 when every value is within its tolerance, 1 when not, 3 when a tool is missing."""
    from device_tests.cached import default_cache
    from device_tests.checks import run_bundle
    from device_tests.devices import DEFAULT_DEVICE, DEVICES, find_device
    from edge_ser.models import shipped

    if args.list:
        for device in DEVICES.values():
            print(f"{device.name:<20} {device.title}; {', '.join(device.engines)}")
        return 0
    device = find_device(args.device or DEFAULT_DEVICE)
    report = run_bundle(
        device,
        args.bundle or shipped("bundle"),
        tuple(args.engine or device.engines),
        args.cache or default_cache(),
        args.mirror,
        args.file,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if args.report:
        args.report.write_text(report.to_json(), encoding="utf-8")
    print(_text(report))
    return 0 if report.passed else 1


def _text(report: DeviceReport) -> str:
    device = report.device
    lines = [f"{device.title}, emulated by qemu {report.qemu} ({device.cpu})"]
    lines += [_line(check) for check in report.checks]
    lines.append("passed" if report.passed else "FAILED: the device computes other values")
    return "\n".join(lines)


def _line(check: Check) -> str:
    mark = "ok  " if check.passed else "FAIL"
    cases = "golden clips" if check.kind == "golden" else "readings of stream --file"
    largest = "not a number" if check.largest is None else f"{check.largest:.2g}"
    return (
        f"  {mark}  {check.engine} {check.version}  {check.artefact}: {check.cases} {cases}, "
        f"largest difference {largest}, allowed {check.tolerance:.2g}"
    )
