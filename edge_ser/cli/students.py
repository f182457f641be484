"""`edge-ser students`: what each student costs and how well it follows its teacher."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_ser.cli.number import positive_int

EXAMPLES = """\
  edge-ser students                             all students, figures recorded and shipped
  edge-ser students --measure                   and their latency here, in one run
  edge-ser students --markdown > table.md       as docs/STUDENTS.md has it
  edge-ser students --json
  edge-ser students --record my/mobilenetv4-s.safetensors --bundle bundles/mobilenetv4-s-rpi
      a row from your own checkpoint, its bundle, and its card's figures of
      edge-ser evaluate my/mobilenetv4-s.safetensors --audio data/nemo_dev \\
          --record-in my/mobilenetv4-s.safetensors --as nemo_dev"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all figures as JSON")
    form.add_argument("--markdown", action="store_true", help="a Markdown table")
    parser.add_argument("--measure", action="store_true", help="measure latency on this machine")
    parser.add_argument(
        "--rounds", type=positive_int, default=30, help="timed runs of each (default: %(default)s)"
    )
    parser.add_argument(
        "--record", type=Path, metavar="CHECKPOINT", help="write a row into the results instead"
    )
    parser.add_argument("--bundle", type=Path, help="exported from that checkpoint")
    parser.add_argument("--results", type=Path, help="JSON of rows (default: the one that ships)")


def run(args: argparse.Namespace) -> int:
    """Print the table, or record a row."""
    from edge_ser.students import render, table

    results = args.results or table.RESULTS
    if args.record or args.bundle:
        return _record(args, results)
    from edge_ser.students.catalogue import STUDENTS

    rows = table.all_rows(list(STUDENTS), results)
    timings, machine = {}, None
    if args.measure:
        from edge_ser.bench.machine import describe_machine
        from firmware_export.student_latency import measure_students

        here = describe_machine()
        machine = "; ".join([here.words, "ONNX Runtime, 1 thread", *here.caveats])
        timings = measure_students(list(STUDENTS), args.rounds)
    if args.json:
        print(json.dumps(render.as_values(rows, timings, machine), indent=1))
        return 0
    cells = render.cells(rows, timings)
    print(render.as_markdown(cells) if args.markdown else render.as_text(cells))
    print()
    if machine:
        print(f"Latency: int8 ONNX, 5 s of audio, median of {args.rounds} rounds; {machine}.\n")
    print(render.claim_lines(rows))
    return 0


def _record(args: argparse.Namespace, results: Path) -> int:
    from edge_ser.errors import InputError
    from edge_ser.students.table import record

    if not (args.record and args.bundle):
        raise InputError(
            "a row needs both a checkpoint and its bundle",
            "edge-ser students --record CHECKPOINT --bundle BUNDLE",
        )
    row = record(args.record, args.bundle, results)
    print(f"wrote the row of {row.student} into {results}")
    return 0
