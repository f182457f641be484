"""`edge-ser stream`: arguments only; the work is in edge_ser/stream."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
  edge-ser stream --mic                          the default microphone, live view; Ctrl-C stops
  edge-ser stream --list-devices
  edge-ser stream --mic --device usb --json | jq .valence
  edge-ser stream --file talk.wav                as fast as the machine can
  edge-ser stream --file talk.wav --realtime
  edge-ser stream --mic --duration 60 --record heard.wav

exit codes: 0 ended, also by Ctrl-C or SIGTERM; 2 unusable option or file; 3 something is
not installed; 4 bundle refused; 5 the microphone failed. JSON fields: docs/STREAMING.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--mic", action="store_true", help="listen to a microphone")
    source.add_argument("--file", type=Path, metavar="AUDIO", help="analyse an audio file")
    source.add_argument("--list-devices", action="store_true", help="show the microphones")
    parser.add_argument(
        "--device", metavar="INDEX|NAME", help="microphone: its number, or part of its name"
    )
    parser.add_argument(
        "--realtime", action="store_true", help="with --file: at the pace of the recording"
    )
    parser.add_argument(
        "--duration", type=float, metavar="SECONDS", help="stop after so much audio"
    )
    parser.add_argument(
        "--window", type=float, metavar="SECONDS", help="length of the window (bundle: 5)"
    )
    parser.add_argument(
        "--hop", type=float, metavar="SECONDS", help="time between readings (bundle: 0.5)"
    )
    parser.add_argument("--json", action="store_true", help="JSON lines on standard output")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE.wav",
        help="store what the model hears in a new file, 10 minutes at most; off by default",
    )
    parser.add_argument(
        "--bundle", type=Path, metavar="PATH", help="folder or .tar.gz (the package has one)"
    )
    parser.add_argument(
        "--expect-sha256", metavar="HEX", help="refuse a .tar.gz with another SHA-256"
    )
    parser.add_argument("--engine", metavar="NAME", help="litert, tflite-runtime, onnxruntime or c")
    parser.add_argument("--artefact", metavar="FILE", help="a model file of the bundle")
    parser.add_argument("--threads", type=int, default=1, help="of the model (default 1)")


def run(args: argparse.Namespace) -> int:
    """Run the verb."""
    from edge_ser.stream.run import StreamOptions, list_devices, run_stream

    if args.list_devices:
        print(list_devices())
        return 0
    run_stream(
        StreamOptions(
            file=args.file,
            realtime=args.realtime,
            device=args.device,
            bundle=args.bundle,
            expect_sha256=args.expect_sha256,
            engine=args.engine,
            artefact=args.artefact,
            threads=args.threads,
            window_seconds=args.window,
            hop_seconds=args.hop,
            seconds=args.duration,
            json=args.json,
            record=args.record,
        )
    )
    return 0
