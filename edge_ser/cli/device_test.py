"""`edge-ser device-test`: arguments and the printed table; the work is in device_tests."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.cli.number import positive_int

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from device_tests.c_checks import BoardReport
    from device_tests.checks import Check, DeviceReport
    from device_tests.session import Session, Settings
    from device_tests.ssh_report import SshReport

EXAMPLES = """\
  edge-ser device-test bundles/wav2small-rpi            all that stands for the bundle's target
  edge-ser device-test --device cortex-m4 --device cortex-m55     the C engine of the shipped bundle
  edge-ser device-test --device all --set-up            everything that needs a network, once
  edge-ser device-test bundles/wav2small-rpi.tar.gz --device rpi-aarch64 --engine litert
  edge-ser device-test bundles/wav2small-cortex-m4 --record       figures into the bundle
  edge-ser device-test bundles/wav2small-rpi --device ssh://pi@raspberrypi.local     a real Pi
  edge-ser device-test --device serial:/dev/ttyACM0 --board cortex-m4    real, with the probe on it
  edge-ser device-test --device all --audio recordings --report devices.json --markdown devices.md
  edge-ser device-test --list

Systems run the real wheels of the Python runtimes, boards the C engine, to the bit. What is not a
Debian package goes into the cache on first use. No root. An emulator gives values and instruction
counts, never durations.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, help="folder or .tar.gz; default: the one shipped"
    )
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="NAME",
        help="see --list (repeatable); `all`, ssh://USER@HOST[:PORT][/FOLDER] or serial:PORT; "
        "default: those that stand for the bundle's target",
    )
    parser.add_argument("--list", action="store_true", help="show the devices")
    parser.add_argument(
        "--set-up", action="store_true", help="only get ready: downloads, emulators, C libraries"
    )
    parser.add_argument(
        "--engine",
        action="append",
        default=[],
        metavar="NAME",
        help="Python runtime to try on systems (repeatable); default: all that a system has",
    )
    parser.add_argument(
        "--audio",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="recordings to cut the boards' vectors from (repeatable); default: golden clips",
    )
    parser.add_argument(
        "--file", type=Path, metavar="AUDIO", help="what systems stream; default: a golden clip"
    )
    parser.add_argument(
        "--front-end",
        choices=("float", "fixed"),
        help="of the C engine on boards; default: that of the board's target",
    )
    parser.add_argument(
        "--board", default="cortex-m4", metavar="NAME", help="what is at the serial port"
    )
    parser.add_argument(
        "--baud", type=positive_int, default=115_200, help="of the serial port (115200)"
    )
    parser.add_argument("--identity", type=Path, metavar="FILE", help="private key for ssh")
    parser.add_argument("--known-hosts", type=Path, metavar="FILE", help="device's key for ssh")
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the figures into the bundle's drift report and manifest, and pack it again",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="default: ~/.cache/edge-ser")
    parser.add_argument(
        "--mirror",
        metavar="URL",
        help="Debian archive to download from; default: the one of this system's apt",
    )
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="also write the result")
    parser.add_argument("--markdown", type=Path, metavar="FILE.md", help="also write a page")


def run(args: argparse.Namespace) -> int:
    """0 when every value is right, 1 when not, 3 when a tool is missing."""
    from device_tests.session import chosen, run_session, set_up_devices
    from edge_ser.bundle import open_bundle
    from edge_ser.models import shipped

    if args.list:
        print(_list())
        return 0
    path = args.bundle or shipped("bundle")
    if args.record:
        _check_recordable(args.bundle)
    with open_bundle(path) as bundle:
        names = chosen(args.device, bundle)
    settings = _settings(args)
    if args.set_up:
        set_up_devices(names, path, settings)
        print(f"ready: {', '.join(names)}")
        return 0
    session = run_session(names, path, settings)
    if args.report:
        args.report.write_text(json.dumps(session.to_dict(), indent=1, sort_keys=True) + "\n")
    if args.markdown:
        args.markdown.write_text(_markdown(args, session), encoding="utf-8")
    print(_text(session))
    if args.record:
        print(_record(path, session))
    return 0 if session.passed else 1


def _check_recordable(bundle: Path | None) -> None:
    """Before any work, and never into the bundle that is part of the package."""
    from device_tests.record import require_folder
    from edge_ser.errors import InputError

    if bundle is None:
        raise InputError("--record needs a bundle of yours", "name its folder: edge-ser export")
    require_folder(bundle)


def _settings(args: argparse.Namespace) -> Settings:
    from device_tests.cached import default_cache
    from device_tests.session import Settings
    from device_tests.ssh_connection import SshOptions

    return Settings(
        engines=tuple(args.engine),
        cache=args.cache or default_cache(),
        mirror=args.mirror,
        speech=_speech(args.audio),
        stream=args.file,
        board=args.board,
        baud=args.baud,
        ssh=SshOptions(identity=args.identity, known_hosts=args.known_hosts),
        say=lambda line: print(line, file=sys.stderr, flush=True),
        fixed_point=None if args.front_end is None else args.front_end == "fixed",
    )


def _speech(folders: list[Path]) -> tuple[NDArray[np.float32], ...]:
    """Up to 40 clips, evenly spaced over their names."""
    if not folders:
        return ()
    from edge_ser.drift.clips import FileClips, find_files

    return tuple(clip.audio for clip in FileClips(find_files(folders, 40), None))


def _list() -> str:
    from device_tests import tflm_host
    from device_tests.boards import BOARDS
    from device_tests.devices import DEVICES

    systems = [
        f"{device.name:<20} {device.title}; {', '.join(device.engines)}"
        for device in DEVICES.values()
    ]
    boards = [f"{board.name:<20} {board.title}; C engine" for board in BOARDS.values()]
    others = [f"{tflm_host.NAME:<20} {tflm_host.TITLE}; backbone"]
    real = [
        f"{'ssh://USER@HOST':<20} a real Linux device: runtimes, milliseconds, the C engine",
        f"{'serial:PORT':<20} a real board with the probe firmware; --board, --baud",
    ]
    return "\n".join([*systems, *boards, *others, *real])


def _markdown(args: argparse.Namespace, session: Session) -> str:
    from device_tests.markdown import as_markdown

    words = ["edge-ser", "device-test", *([args.bundle.name] if args.bundle else [])]
    for option in ("device", "engine", "audio"):
        words += [f"--{option} {getattr(value, 'name', value)}" for value in getattr(args, option)]
    corpora = ", ".join(folder.name for folder in args.audio)
    speech = f"recordings: {corpora}" if corpora else "the bundle's golden clips, synthetic"
    return as_markdown(session, " ".join([*words, f"--markdown {args.markdown.name}"]), speech)


def _record(path: Path, session: Session) -> str:
    from device_tests.record import record

    archive, sha256 = record(path, session.rows)
    return f"recorded in {path}; packed again: {archive}\nSHA-256  {sha256}"


def _text(session: Session) -> str:
    lines = [line for system in session.systems for line in _system(system)]
    lines += [line for board in session.boards for line in _board(board)]
    lines += [line for report in session.remote for line in _remote(report)]
    lines.append("passed" if session.passed else "FAILED: a device computes other values")
    return "\n".join(lines)


def _board(board: BoardReport) -> list[str]:
    where = f", {board.emulator}" if board.emulator else ""
    lines = [
        f"{board.title}{where}; {board.kernels} kernels, {board.frontend} front-end",
        f"  {_mark(board.passed)}  {board.vectors} vectors and {board.clips} clips to the bit",
        *(f"        {line}" for line in board.failures),
    ]
    if board.float_difference is not None:
        lines.append(f"        clips against the float model: at most {board.float_difference:.4f}")
    memory = {"engine": board.buffer, "stack": board.stack, "static RAM": board.static}
    memory["flash"] = board.flash or 0
    known = ", ".join(f"{name} {size / 1000:.1f} KB" for name, size in memory.items() if size)
    lines += [f"        memory: {known}"] if known else []
    if board.instructions is not None:
        lines.append(f"        {board.instructions / 1e6:.1f} M instructions per second of audio")
    if board.speed is not None:
        lines.append(f"        {board.speed:.2f} seconds of audio per second")
    return lines


def _system(system: DeviceReport) -> list[str]:
    device = system.device
    title = f"{device.title}, emulated by qemu {system.qemu} ({device.cpu})"
    return [title, *(_line(check) for check in system.checks)]


def _remote(report: SshReport) -> list[str]:
    from device_tests.ssh_report import latency_lines, machine_line

    lines = [f"{report.address}: {machine_line(report.machine)}", *map(_line, report.checks)]
    lines += [f"        {line}" for line in latency_lines(report)]
    lines += _board(report.board) if report.board else []
    return lines + [f"  --    {what}: {why}" for what, why in report.skipped.items()]


def _line(check: Check) -> str:
    cases = "golden clips" if check.kind == "golden" else "readings of stream --file"
    largest = "not a number" if check.largest is None else f"{check.largest:.2g}"
    return (
        f"  {_mark(check.passed)}  {check.engine} {check.version}  {check.artefact}: "
        f"{check.cases} {cases}, largest difference {largest}, allowed {check.tolerance:.2g}"
    )


def _mark(passed: bool) -> str:
    return "ok  " if passed else "FAIL"
