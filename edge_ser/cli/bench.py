"""`edge-ser bench`: speed, memory and size of a bundle's engines on this machine."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from pathlib import Path

from edge_ser.cli.number import positive_float, positive_int

EXAMPLES = """\
  edge-ser bench                                   # the shipped bundle
  edge-ser bench bundles/rpi --checkpoint my.safetensors --json bench.json
  edge-ser bench --markdown docs/BENCHMARKS.md     # writes the table of the docs
  edge-ser bench bundles/rpi --check               # exit code 1 if a target is missed
  edge-ser bench --streaming        # a stream, incrementally and window by window
  edge-ser bench --streaming --rounds 60 --markdown docs/STREAMING_COST.md
  edge-ser bench --c                # the C engine beside its peers, instructions in emulators
  edge-ser bench --c --rounds 30 --markdown docs/C_BENCHMARKS.md --json c-bench.json
  edge-ser bench --soak 24 --audio recordings/    # a day of streaming: memory, losses, values"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, help="folder or .tar.gz; default: the one shipped"
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="the bundle's .safetensors, for torch eager; default: the shipped one if the "
        "bundle was made from it",
    )
    parser.add_argument("--threads", type=positive_int, default=1, help="per runtime (1)")
    parser.add_argument(
        "--seconds", type=positive_float, default=5.0, help="of audio per inference (5)"
    )
    parser.add_argument("--rounds", type=int, default=50, help="timed runs of each model (50)")
    parser.add_argument("--no-memory", action="store_true", help="leave the memory figures out")
    parser.add_argument(
        "--streaming",
        action="store_true",
        help="instead: processor time per second of a stream, incremental inference against "
        "computing every window anew, on every engine here",
    )
    parser.add_argument(
        "--window", type=positive_float, default=5.0, help="seconds, with --streaming (5)"
    )
    parser.add_argument(
        "--hop", type=positive_float, default=0.25, help="seconds, with --streaming (0.25)"
    )
    parser.add_argument(
        "--c",
        action="store_true",
        help="instead: instructions of the C engine, bakenn, LiteRT and ONNX Runtime on emulated "
        "Arm cores, and on this machine the engine's streaming paired with LiteRT's windows",
    )
    parser.add_argument(
        "--soak",
        type=positive_float,
        metavar="HOURS",
        help="instead: stream so many hours of varied audio as fast as the machine can, and judge "
        "memory, losses and values; exit code 1 if one of its gates is missed",
    )
    parser.add_argument(
        "--audio",
        type=Path,
        nargs="+",
        default=(),
        metavar="DIR",
        help="with --soak: audio files among its material",
    )
    parser.add_argument(
        "--engine", metavar="NAME", help="with --soak: litert (default), onnxruntime"
    )
    parser.add_argument(
        "--no-voice-activity",
        action="store_true",
        help="with --soak: leave out the voice-activity detector, the dearest part of a stream",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="of emulated systems, with --c (~/.cache/edge-ser)",
    )
    parser.add_argument("--mirror", metavar="URL", help="Debian archive to download from, with --c")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write them as Markdown")
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit code 1 if a target is missed, or none can be judged",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print, write."""
    if args.c:
        return _run_c(args)
    if args.streaming:
        return _run_streaming(args)
    if args.soak:
        return _run_soak(args)
    from edge_ser.bench.report import as_markdown, as_text
    from edge_ser.bench.runner import run_bench
    from edge_ser.bundle import open_bundle
    from edge_ser.drift.chain import shipped_checkpoint
    from edge_ser.models import shipped

    with open_bundle(args.bundle or shipped("bundle")) as bundle:
        report = run_bench(
            bundle,
            checkpoint=args.checkpoint or shipped_checkpoint(bundle),
            threads=args.threads,
            seconds=args.seconds,
            rounds=args.rounds,
            memory=not args.no_memory,
            progress=True,
        )
    print(as_text(report))
    if args.json:
        args.json.write_text(json.dumps(report.to_dict(), indent=1, allow_nan=False) + "\n")
    if args.markdown:
        args.markdown.write_text(as_markdown(report, _command(args)), encoding="utf-8")
    met = [target.met for target in report.targets()]
    return 1 if args.check and not (met and all(met)) else 0


def _run_c(args: argparse.Namespace) -> int:
    """The C engine beside its peers."""
    from device_tests.cached import default_cache
    from device_tests.peers.measure import measure_all
    from edge_ser.bench import c_engine
    from edge_ser.bench.c_streaming import measure_streaming
    from edge_ser.bundle import open_bundle
    from edge_ser.models import shipped

    with open_bundle(args.bundle or shipped("bundle")) as bundle:
        streaming = measure_streaming(bundle, args.rounds)
        counted = measure_all(bundle, args.cache or default_cache(), args.mirror, say=_say)
    bench = dataclasses.replace(counted, streaming=streaming)
    print(c_engine.as_text(bench))
    if args.json:
        args.json.write_text(json.dumps(bench.to_dict(), indent=1, allow_nan=False) + "\n")
    if args.markdown:
        words = ["edge-ser", "bench", *([args.bundle.name] if args.bundle else []), "--c"]
        words += ["--rounds", str(args.rounds), "--markdown", args.markdown.name]
        page = c_engine.as_page(bench, shlex.join(words))
        args.markdown.write_text(page, encoding="utf-8")
    goals = bench.judgements()
    return 1 if args.check and not (goals and bench.met) else 0


def _run_soak(args: argparse.Namespace) -> int:
    """Hours of streaming."""
    from edge_ser.bench.soak.run import SoakOptions, run_soak
    from edge_ser.bench.soak.verdict import as_markdown, as_text
    from edge_ser.bundle import open_bundle
    from edge_ser.models import shipped

    options = SoakOptions(
        hours=args.soak,
        folders=tuple(args.audio),
        engine=args.engine,
        detector=not args.no_voice_activity,
    )
    with open_bundle(args.bundle or shipped("bundle")) as bundle:
        soak = run_soak(bundle, options, progress=True)
    print(as_text(soak))
    if args.json:
        args.json.write_text(json.dumps(soak.to_dict(), indent=1, allow_nan=False) + "\n")
    if args.markdown:
        args.markdown.write_text(as_markdown(soak) + "\n", encoding="utf-8")
    return 0 if soak.met else 1


def _run_streaming(args: argparse.Namespace) -> int:
    """A stream both ways."""
    from edge_ser.bench.stream_cost import measure_stream_cost
    from edge_ser.bench.stream_cost_report import as_markdown, as_text
    from edge_ser.bundle import open_bundle
    from edge_ser.models import shipped

    with open_bundle(args.bundle or shipped("bundle")) as bundle:
        report = measure_stream_cost(
            bundle, args.window, args.hop, args.rounds, args.threads, progress=True
        )
    print(as_text(report))
    if args.json:
        args.json.write_text(json.dumps(report.to_dict(), indent=1, allow_nan=False) + "\n")
    if args.markdown:
        words = ["edge-ser", "bench", *([args.bundle.name] if args.bundle else []), "--streaming"]
        for option in ("window", "hop", "rounds", "threads"):
            words += [f"--{option}", f"{getattr(args, option):g}"]
        command = shlex.join([*words, "--markdown", args.markdown.name])
        args.markdown.write_text(as_markdown(report, command), encoding="utf-8")
    return 1 if args.check and not report.met else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _command(args: argparse.Namespace) -> str:
    """How the figures can be had again, without this machine's folders."""
    words = ["edge-ser", "bench", *([args.bundle.name] if args.bundle else [])]
    if args.checkpoint:
        words += ["--checkpoint", args.checkpoint.name]
    for option in ("threads", "seconds", "rounds"):
        words += [f"--{option}", f"{getattr(args, option):g}"]
    return shlex.join([*words, "--markdown", args.markdown.name])
