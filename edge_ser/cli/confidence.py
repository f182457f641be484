"""`edge-ser confidence`: fit and judge how far a model's readings can be trusted."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from edge_ser.cli.number import non_negative_int, positive_int, share

EXAMPLES = """\
  edge-ser confidence --audio emodb --audio speech --noise noise --report figures
  edge-ser confidence --bundle bundles/mine --audio recordings --out run/mine.confidence.json
  edge-ser confidence --audio emodb --noise noise --confirm another_corpus --report figures

Clips must name their speakers (manifest.csv with path and speaker): confidence is judged on
speakers and noises that the fit has not heard. `edge-ser export` puts NAME.confidence.json, if it
lies beside the checkpoint NAME.safetensors, into the bundle.
exit code: 0 done, 2 unusable input, 3 a package is missing, 4 the bundle was refused"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--bundle", type=Path, help="folder or .tar.gz; default: the one shipped")
    parser.add_argument(
        "--audio",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="speech of known speakers (repeatable)",
    )
    parser.add_argument("--noise", type=Path, metavar="DIR", help="backgrounds; else synthetic")
    parser.add_argument(
        "--confirm", type=Path, metavar="DIR", help="speech that is judged once, never fitted to"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("confidence.json"),
        metavar="FILE",
        help="the parameters (%(default)s)",
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="for tables, pictures and JSON")
    parser.add_argument(
        "--teacher", default="default", help="'default' or a teacher's .safetensors"
    )
    parser.add_argument("--engine", help="runtime that reads (default: first one present)")
    parser.add_argument(
        "--scenes", type=positive_int, default=1600, metavar="N", help="to make (%(default)s)"
    )
    parser.add_argument(
        "--tolerance", type=share, default=0.1, help="a value this close is right (%(default)s)"
    )
    parser.add_argument(
        "--min-speech", type=share, default=0.3, help="setting that the tables show (%(default)s)"
    )
    parser.add_argument("--min-confidence", type=share, default=0.4, help="the same (%(default)s)")
    parser.add_argument("--seed", type=non_negative_int, default=0, help="(%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Fit, write, say."""
    from edge_ser.confidence import recipe, report

    def say(line: str) -> None:
        print(f"edge-ser confidence: {line}", file=sys.stderr, flush=True)

    result = recipe.run(
        recipe.Recipe(
            bundle=args.bundle,
            audio=tuple(args.audio),
            noise=args.noise,
            confirm=args.confirm,
            teacher=args.teacher,
            engine=args.engine,
            scenes=args.scenes,
            tolerance=args.tolerance,
            min_speech=args.min_speech,
            min_confidence=args.min_confidence,
            seed=args.seed,
        ),
        say,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(dataclasses.asdict(result.parameters), ensure_ascii=False, indent=1)
    args.out.write_text(content + "\n", encoding="utf-8")
    print(_text(result.report))
    print(f"parameters: {args.out}")
    for path in report.write(result.report, args.report) if args.report else []:
        print(f"  {path}")
    return 0


def _text(figures: dict[str, Any]) -> str:
    lines = [f"  {'held out':<12} {'MAE':>7} {'AURC':>7} {'oracle':>7} {'gain':>6} {'ECE':>6}"]
    for name, one in figures["held_out"]["dimensions"].items():
        lines.append(
            f"  {name:<12} {one['mae']:>7.4f} {one['aurc']:>7.4f} {one['aurc_oracle']:>7.4f} "
            f"{one['gain']:>6.0%} {one['ece']:>6.3f}"
        )
    return "\n".join(lines)
